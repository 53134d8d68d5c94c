-- What the log is for: which try of its request a row is, verdicts on answers, search in conversations, notices.

ALTER TABLE routing_stats ADD COLUMN attempt INTEGER;
ALTER TABLE zeke_projects ADD COLUMN log_text INTEGER;   -- 0: no text of the project is kept; NULL: as the options say
ALTER TABLE zeke_turns ADD COLUMN replay_of TEXT;        -- the request that this one asks once more
ALTER TABLE zeke_turns ADD COLUMN bytes INTEGER;         -- of prompt, turn and answer
ALTER TABLE zeke_turns ADD COLUMN seq INTEGER;           -- row of the search index; a rowid may change in a VACUUM

CREATE INDEX IF NOT EXISTS idx_stats_failed ON routing_stats(created_at) WHERE success <> 1;
CREATE INDEX IF NOT EXISTS idx_stats_request_id ON routing_stats(request_id);
CREATE INDEX IF NOT EXISTS idx_trace_request_id ON routing_trace(request_id);
CREATE INDEX IF NOT EXISTS idx_trace_time ON routing_trace(created_at);

-- Verdicts, explicit and implicit. They carry what they are counted by, so that no report joins the big table.
CREATE TABLE IF NOT EXISTS zeke_signals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT NOT NULL,
  project TEXT NOT NULL,
  intent TEXT,
  model TEXT,
  provider TEXT,
  kind TEXT NOT NULL,      -- up, down, preferred, passed_over, accepted, rejected, yanked, retried
  note TEXT,
  created_at INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_signals_time ON zeke_signals(created_at);
CREATE INDEX IF NOT EXISTS idx_signals_request ON zeke_signals(request_id);

-- When a thing was last done or said, so that many editors do it once.
CREATE TABLE IF NOT EXISTS zeke_done (
  what TEXT PRIMARY KEY,
  at INTEGER NOT NULL
);

UPDATE zeke_turns SET
  seq = rowid,
  bytes = length(CAST(prompt AS BLOB)) + length(CAST(turn AS BLOB)) + length(CAST(answer AS BLOB));

-- The filters of a search are in the index, so that only what is shown is read from the table.
CREATE INDEX IF NOT EXISTS idx_turns_seq ON zeke_turns(seq, project, intent, model, created_at);
CREATE INDEX IF NOT EXISTS idx_turns_time ON zeke_turns(created_at, bytes);
CREATE INDEX IF NOT EXISTS idx_turns_parent ON zeke_turns(parent_id);

CREATE VIRTUAL TABLE IF NOT EXISTS zeke_search USING fts5(
  prompt, answer, content='zeke_turns', content_rowid='seq', tokenize="unicode61 remove_diacritics 2"
);

INSERT INTO zeke_search(zeke_search) VALUES ('rebuild');

CREATE TRIGGER IF NOT EXISTS zeke_turns_added AFTER INSERT ON zeke_turns BEGIN
  INSERT INTO zeke_search(rowid, prompt, answer) VALUES (new.seq, new.prompt, new.answer);
END;

CREATE TRIGGER IF NOT EXISTS zeke_turns_removed AFTER DELETE ON zeke_turns BEGIN
  INSERT INTO zeke_search(zeke_search, rowid, prompt, answer) VALUES ('delete', old.seq, old.prompt, old.answer);
END;

CREATE TRIGGER IF NOT EXISTS zeke_turns_changed AFTER UPDATE OF prompt, answer ON zeke_turns BEGIN
  INSERT INTO zeke_search(zeke_search, rowid, prompt, answer) VALUES ('delete', old.seq, old.prompt, old.answer);
  INSERT INTO zeke_search(rowid, prompt, answer) VALUES (new.seq, new.prompt, new.answer);
END;
