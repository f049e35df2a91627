-- The audit trail: records that wait for their place, the Merkle tree of each tenant over its records, and its checkpoints.
--
-- Requests, which run as crm_app, may add a record and read those of their tenant, and nothing else. The tree is built by the
-- tables' owner. Nothing refers to tenants: the trail outlives them.

-- Up Migration

-- Written in the transaction of the change. A row goes when it has become a leaf, in the transaction that makes the leaf.
CREATE TABLE audit_pending (
  tenant_id uuid NOT NULL,
  -- Who has committed before another began has the lower number.
  id bigint GENERATED ALWAYS AS IDENTITY,
  -- Canonical JSON (RFC 8785): these bytes are what is hashed.
  content text COLLATE "C" NOT NULL CHECK (octet_length(content) <= 16384),
  PRIMARY KEY (tenant_id, id)
);
-- It is emptied all the time.
ALTER TABLE audit_pending SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE audit_records (
  tenant_id uuid NOT NULL,
  -- From 0, without gaps. The primary key is also what keeps two sequencers from building two trees.
  leaf_index bigint NOT NULL CHECK (leaf_index >= 0),
  -- Absent where it was pruned; its leaf stays in audit_nodes.
  content text COLLATE "C",
  -- The record that says so.
  pruned_by uuid,
  record_id uuid GENERATED ALWAYS AS ((content::jsonb ->> 'id')::uuid) STORED,
  -- ISO 8601 in UTC, which sorts as text.
  recorded_at text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'at') STORED,
  entity_type text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'entityType') STORED,
  entity_id text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'entityId') STORED,
  data_class text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'dataClass') STORED,
  subject text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'subject') STORED,
  PRIMARY KEY (tenant_id, leaf_index),
  CHECK ((content IS NULL) = (pruned_by IS NOT NULL))
);
CREATE INDEX audit_records_by_entity ON audit_records (tenant_id, entity_type, entity_id, leaf_index);
CREATE INDEX audit_records_by_subject ON audit_records (tenant_id, subject, leaf_index) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX audit_records_by_id ON audit_records (tenant_id, record_id) WHERE record_id IS NOT NULL;

-- Roots of complete subtrees (RFC 9162 section 2.1.1): level 0 are the leaves.
CREATE TABLE audit_nodes (
  tenant_id uuid NOT NULL,
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 62),
  position bigint NOT NULL CHECK (position >= 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (tenant_id, level, position)
);

-- Copies: what counts is what was published where this database cannot write.
CREATE TABLE audit_checkpoints (
  tenant_id uuid NOT NULL,
  tree_size bigint NOT NULL CHECK (tree_size > 0),
  -- The signed note.
  note text COLLATE "C" NOT NULL,
  signed_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, tree_size)
);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['audit_pending', 'audit_records', 'audit_nodes', 'audit_checkpoints'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO crm_app USING (tenant_id = current_tenant_id())', owned || '_own', owned);
    EXECUTE format('CREATE POLICY %I ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', owned || '_administration', owned);
    EXECUTE format('GRANT SELECT ON %I TO crm_app', owned);
  END LOOP;
END
$$;
CREATE POLICY audit_pending_added ON audit_pending FOR INSERT TO crm_app WITH CHECK (tenant_id = current_tenant_id());
-- Not id: the order of records is nobody's choice.
GRANT INSERT (tenant_id, content) ON audit_pending TO crm_app;

-- Down Migration

DROP TABLE audit_checkpoints, audit_nodes, audit_records, audit_pending;
