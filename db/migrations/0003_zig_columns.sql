-- The columns that the Zig client's newer schema has, under its names, and an index for "the last days".

ALTER TABLE routing_stats ADD COLUMN request_id TEXT;
ALTER TABLE routing_stats ADD COLUMN total_duration_ms INTEGER;
ALTER TABLE routing_stats ADD COLUMN cost_cents REAL DEFAULT 0.0;
ALTER TABLE routing_stats ADD COLUMN error_code TEXT;
ALTER TABLE routing_stats ADD COLUMN escalated INTEGER DEFAULT 0;
ALTER TABLE routing_prefs ADD COLUMN escalation_threshold TEXT DEFAULT 'medium';
ALTER TABLE routing_trace ADD COLUMN decision_reason TEXT;
ALTER TABLE routing_trace ADD COLUMN candidates TEXT;

CREATE INDEX IF NOT EXISTS idx_stats_time
  ON routing_stats(created_at);
