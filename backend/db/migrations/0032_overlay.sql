-- The overlay: clients of other CRMs, communications, tasks, documents and what AI agents are to do.
--
-- "client" and "subjects" are pseudonyms, "sealed" opens with the keys of all of them: see docs/crm/overlay.md. What is readable here is
-- what lists, access and clean-up go by.
-- Up Migration

CREATE TABLE overlay_clients (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  client text COLLATE "C" NOT NULL CHECK (client ~ '^[0-9a-f]{32}$'),
  crm_system text NOT NULL,
  -- Whose client it is: agents see their own.
  agent_id text NOT NULL,
  sync_status text NOT NULL CHECK (sync_status IN ('fresh', 'syncing', 'stale', 'conflict', 'failed')),
  sync_reason text,
  source_version text,
  source_modified_at timestamptz(3),
  -- NULL once it is over: whose client it is stays for as long as a task may.
  sealed bytea,
  expires_at timestamptz(3) NOT NULL,
  kept_until timestamptz(3) NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, client)
);
CREATE INDEX overlay_clients_by_agent ON overlay_clients (tenant_id, agent_id, client);
CREATE INDEX overlay_clients_by_expiry ON overlay_clients (tenant_id, expires_at) WHERE sealed IS NOT NULL;
CREATE INDEX overlay_clients_by_end ON overlay_clients (tenant_id, kept_until);
CALL put_behind_tenant('overlay_clients');

DO $$
DECLARE
  made text;
BEGIN
  FOREACH made IN ARRAY ARRAY['overlay_communications', 'overlay_tasks', 'overlay_documents'] LOOP
    EXECUTE format($table$
      CREATE TABLE %1$I (
        tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        client text COLLATE "C" NOT NULL CHECK (client ~ '^[0-9a-f]{32}$'),
        subjects text[] COLLATE "C" NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 64),
        agent_id text NOT NULL,
        status text COLLATE "C" NOT NULL,
        sealed bytea NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id)
      )$table$, made);
    EXECUTE format('CREATE INDEX ON %I (tenant_id, client, created_at DESC, id DESC)', made);
    EXECUTE format('CREATE INDEX ON %I (tenant_id, status, created_at DESC, id DESC)', made);
    EXECUTE format('CREATE INDEX ON %I (tenant_id, agent_id, created_at DESC, id DESC)', made);
    EXECUTE format('CREATE INDEX ON %I (tenant_id, expires_at)', made);
    EXECUTE format('CREATE INDEX ON %I USING gin (subjects)', made);
    EXECUTE format('CALL put_behind_tenant(%L)', made);
  END LOOP;
END
$$;

CREATE TABLE overlay_ai_actions (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  seq bigint GENERATED ALWAYS AS IDENTITY,
  agent_id text NOT NULL,
  subjects text[] COLLATE "C" NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 64),
  -- Of the agent: the same key is the same action.
  idempotency_key text COLLATE "C",
  priority smallint NOT NULL,
  -- pending: free once due. leased: somebody works on it until the lease is over. dead: given up, until somebody retries it.
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'leased', 'done', 'dead')),
  sealed bytea NOT NULL,
  result bytea,
  attempts integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  -- Kept after the end: who completes or fails twice is told the same twice.
  lease uuid,
  leased_until timestamptz(3),
  problem text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  -- Of done and dead ones.
  expires_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT overlay_ai_actions_once UNIQUE (tenant_id, agent_id, idempotency_key)
);
CREATE INDEX overlay_ai_actions_open ON overlay_ai_actions (tenant_id, agent_id, priority DESC, seq)
  WHERE status IN ('pending', 'leased');
CREATE INDEX overlay_ai_actions_by_status ON overlay_ai_actions (tenant_id, agent_id, status, seq DESC);
CREATE INDEX overlay_ai_actions_by_expiry ON overlay_ai_actions (tenant_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX overlay_ai_actions_by_subject ON overlay_ai_actions USING gin (subjects);
CALL put_behind_tenant('overlay_ai_actions');

-- No personal data: what a template names is filled in when a document is made. A version is never changed.
CREATE TABLE overlay_templates (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  format text NOT NULL,
  body text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name, version)
);
CALL put_behind_tenant('overlay_templates');

-- Written in the transaction of a change and removed once the caches have heard of it: what stays was left by a process that died.
CREATE TABLE overlay_stale_keys (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  -- Keys of the cache, with pseudonyms.
  keys text[] COLLATE "C" NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
-- It is emptied all the time.
ALTER TABLE overlay_stale_keys SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CALL put_behind_tenant('overlay_stale_keys');
-- The owner repairs for all tenants.
CREATE POLICY overlay_stale_keys_administration ON overlay_stale_keys TO CURRENT_USER USING (true) WITH CHECK (true);

-- Down Migration

DROP TABLE overlay_stale_keys, overlay_templates, overlay_ai_actions, overlay_documents, overlay_tasks, overlay_communications,
  overlay_clients;
