-- Consents of subjects, policies of the audit trail, legal holds, and the buffers of records that processes have open.
-- Up Migration

-- Each change is another version, so that a record can name the one that it was allowed by. A revocation is a version, too.
-- A subject is a pseudonym; nothing here says who it is.
CREATE TABLE subject_consents (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  version integer NOT NULL CHECK (version >= 1),
  subject text COLLATE "C" NOT NULL CHECK (subject ~ '^[0-9a-f]{32}$'),
  purposes text[] NOT NULL,
  valid_from timestamptz(3) NOT NULL,
  valid_until timestamptz(3),
  revoked_at timestamptz(3),
  changed_by text NOT NULL,
  changed_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id, version),
  CONSTRAINT subject_consents_ends_after_start CHECK (valid_until > valid_from)
);
CREATE INDEX subject_consents_by_subject ON subject_consents (tenant_id, subject, id, version DESC);
CALL put_behind_tenant('subject_consents');
-- What was agreed to is evidence.
REVOKE UPDATE, DELETE, TRUNCATE ON subject_consents FROM crm_app;

-- What a tenant says otherwise than the defaults in backend/services/audit/policy/class-policy.ts.
CREATE TABLE audit_policies (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  data_class text NOT NULL CHECK (data_class IN ('phi', 'personal', 'business')),
  mode text NOT NULL CHECK (mode IN ('require', 'buffer', 'off')),
  -- Six years, but for business data.
  retention_days integer NOT NULL CHECK (retention_days >= CASE data_class WHEN 'business' THEN 30 ELSE 2192 END),
  purposes_without_consent text[] NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, data_class)
);
CALL put_behind_tenant('audit_policies');

-- What must not be pruned, whatever its age: records of a subject, of an entity, of a kind of entities, or all of them.
CREATE TABLE audit_legal_holds (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  subject text COLLATE "C" CHECK (subject ~ '^[0-9a-f]{32}$'),
  entity_type text,
  entity_id text,
  reason text NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz(3) NOT NULL DEFAULT now(),
  released_by text,
  released_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT audit_legal_holds_entity_has_type CHECK (entity_id IS NULL OR entity_type IS NOT NULL)
);
CALL put_behind_tenant('audit_legal_holds');
REVOKE DELETE, TRUNCATE ON audit_legal_holds FROM crm_app;

-- One row for each process that buffers records of a tenant: what a killed process has taken along is counted from it.
CREATE TABLE audit_buffers (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  process_id uuid NOT NULL,
  capacity integer NOT NULL,
  -- As of the last word of the process: taken into the buffer, written, and lost because it was full.
  accepted bigint NOT NULL DEFAULT 0,
  written bigint NOT NULL DEFAULT 0,
  lost bigint NOT NULL DEFAULT 0,
  opened_at timestamptz(3) NOT NULL DEFAULT now(),
  told_at timestamptz(3) NOT NULL DEFAULT now(),
  -- When it ended by itself, or when another process found it gone.
  closed_at timestamptz(3),
  -- When another process found it gone.
  settled_at timestamptz(3),
  -- Somebody has looked into what was lost.
  acknowledged_at timestamptz(3),
  acknowledged_by text,
  lost_acknowledged bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, process_id)
);
CREATE INDEX audit_buffers_open ON audit_buffers (tenant_id, told_at) WHERE closed_at IS NULL;
CALL put_behind_tenant('audit_buffers');

-- Erasures, for whoever asks for all of them.
ALTER TABLE audit_records ADD COLUMN action text COLLATE "C" GENERATED ALWAYS AS (content::jsonb ->> 'action') STORED;
CREATE INDEX audit_records_erasures ON audit_records (tenant_id, leaf_index) WHERE action = 'erase';

-- Down Migration

DROP INDEX audit_records_erasures;
ALTER TABLE audit_records DROP COLUMN action;

DROP TABLE audit_buffers, audit_legal_holds, audit_policies, subject_consents;
