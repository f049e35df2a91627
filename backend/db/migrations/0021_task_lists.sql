-- Lists of tasks: search, and the order in which they are shown.
-- Up Migration

ALTER TABLE tasks ADD COLUMN search_text text COLLATE "C" NOT NULL
  GENERATED ALWAYS AS (lower(title || ' ' || coalesce(description, ''))) STORED;
DROP INDEX tasks_by_creation;
CREATE INDEX tasks_by_creation ON tasks (tenant_id, created_at DESC, id DESC);
CREATE INDEX tasks_by_due_day ON tasks (tenant_id, due_on) WHERE due_on IS NOT NULL;

-- Down Migration

DROP INDEX tasks_by_due_day;
DROP INDEX tasks_by_creation;
CREATE INDEX tasks_by_creation ON tasks (tenant_id, created_at);
ALTER TABLE tasks DROP COLUMN search_text;
