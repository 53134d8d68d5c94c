-- Where a cost comes from (reported, computed, local; NULL when it is unknown), and what Zeke alone knows of a project.

ALTER TABLE routing_stats ADD COLUMN cost_source TEXT;

CREATE TABLE IF NOT EXISTS zeke_projects (
  project TEXT PRIMARY KEY,
  private INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL
);
