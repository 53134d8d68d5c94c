-- What was asked and answered, so that a conversation can be reopened. Kept apart from routing_*, which never
-- holds text; a project or a request may opt out.

CREATE TABLE IF NOT EXISTS zeke_turns (
  request_id TEXT PRIMARY KEY,
  parent_id TEXT,
  project TEXT NOT NULL,
  intent TEXT,
  prompt TEXT NOT NULL,
  turn TEXT NOT NULL,      -- JSON: scope, source, notes, attachments, as they were sent
  answer TEXT NOT NULL,
  model TEXT,
  created_at INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_turns_project_time
  ON zeke_turns(project, created_at DESC);
