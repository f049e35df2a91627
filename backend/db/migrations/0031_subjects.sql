-- Data keys of the subjects, and erasures.
-- Up Migration

-- One key for each subject; the row with the empty pseudonym is the tenant's own key. It opens with the key provider's secret alone,
-- which erasure deletes: a copy of this table from before it opens nothing.
CREATE TABLE subject_keys (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  key_id uuid NOT NULL,
  pseudonym text COLLATE "C" NOT NULL CHECK (pseudonym ~ '^([0-9a-f]{32})?$'),
  wrapped bytea NOT NULL,
  wrap_version text COLLATE "C" NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  -- Set by the first step of an erasure: nothing is opened or sealed from then on.
  erasing_at timestamptz(3),
  PRIMARY KEY (tenant_id, key_id),
  CONSTRAINT subject_keys_one_each UNIQUE (tenant_id, pseudonym)
);
CREATE INDEX subject_keys_by_version ON subject_keys (tenant_id, wrap_version);
CALL put_behind_tenant('subject_keys');
-- Which tenants have keys to re-wrap, and erasures to finish, is asked for all of them at once.
CREATE POLICY subject_keys_administration ON subject_keys FOR SELECT TO CURRENT_USER USING (true);

-- The job until it is finished, the report afterwards. It outlives the key, so that nobody makes the subject a new one.
CREATE TABLE subject_erasures (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  pseudonym text COLLATE "C" NOT NULL CHECK (pseudonym ~ '^[0-9a-f]{32}$'),
  -- The subject's id under the tenant's key, for whoever has to finish the job; gone once it is.
  sealed_subject bytea,
  reason text NOT NULL,
  actor jsonb NOT NULL,
  key_ids uuid[] NOT NULL DEFAULT '{}',
  requested_at timestamptz(3) NOT NULL DEFAULT now(),
  attempted_at timestamptz(3) NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 1,
  -- What was held, noted before anything was dropped.
  held jsonb,
  finished_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT subject_erasures_one_each UNIQUE (tenant_id, pseudonym),
  CHECK (finished_at IS NULL OR sealed_subject IS NULL)
);
CREATE INDEX subject_erasures_unfinished ON subject_erasures (tenant_id, attempted_at) WHERE finished_at IS NULL;
CALL put_behind_tenant('subject_erasures');
CREATE POLICY subject_erasures_administration ON subject_erasures FOR SELECT TO CURRENT_USER USING (true);

-- Down Migration

DROP TABLE subject_erasures, subject_keys;
