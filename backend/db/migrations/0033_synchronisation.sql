-- Synchronisation with other CRMs: connections and their tokens, what is known of each client, events that came, changes that go out.
--
-- Who a client is stands nowhere in the clear: "subject" is the pseudonym of docs/crm/overlay.md, and columns of bytes are sealed.
-- Up Migration

CREATE TABLE sync_connections (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  crm_system text NOT NULL,
  -- Access token, refresh token, their end. A refresh token may be good for one use only: "token_claim" says who uses it now.
  tokens bytea,
  token_generation bigint NOT NULL DEFAULT 0,
  token_claim uuid,
  token_claimed_until timestamptz(3),
  token_problem text,
  -- How far the source's stream has been read, and by which process it is read now.
  cursor text,
  replayed_at timestamptz(3),
  runner uuid,
  runner_until timestamptz(3),
  -- A reading of all clients: wanted, under way (from which page on), and when the last one was over.
  full_read_wanted boolean NOT NULL DEFAULT true,
  full_read_began_at timestamptz(3),
  full_read_page text,
  full_read_at timestamptz(3),
  problem text,
  problem_since timestamptz(3),
  PRIMARY KEY (tenant_id, id)
);
CALL put_behind_tenant('sync_connections');

CREATE TABLE sync_clients (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  subject text NOT NULL,
  crm_id bytea NOT NULL,
  status text NOT NULL CHECK (status IN ('fresh', 'syncing', 'stale', 'conflict', 'failed')),
  reason text,
  version text,
  modified_at timestamptz(3),
  is_gone boolean NOT NULL DEFAULT false,
  -- The last copy of the source, for what is asked while the source is away, and to tell whether two changes touch each other.
  data bytea,
  read_at timestamptz(3),
  seen_at timestamptz(3),
  -- Each event adds one to "wanted"; a reading that began when it was n, and was applied, sets "done" to n.
  wanted bigint NOT NULL DEFAULT 0,
  done bigint NOT NULL DEFAULT 0,
  is_erasure_wanted boolean NOT NULL DEFAULT false,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz(3) NOT NULL DEFAULT now(),
  lease uuid,
  leased_until timestamptz(3),
  PRIMARY KEY (tenant_id, connection_id, subject),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sync_connections ON DELETE CASCADE
);
CREATE INDEX sync_clients_to_read ON sync_clients (tenant_id, connection_id, next_attempt_at) WHERE wanted > done;
CREATE INDEX sync_clients_by_status ON sync_clients (tenant_id, status) WHERE status <> 'fresh';
CALL put_behind_tenant('sync_clients');

CREATE TABLE sync_events (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  event_key text NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  subject text,
  kind text NOT NULL CHECK (kind IN ('changed', 'deleted', 'erased', 'overflow')),
  occurred_at timestamptz(3),
  received_at timestamptz(3) NOT NULL DEFAULT now(),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'dead')),
  problem text,
  PRIMARY KEY (tenant_id, connection_id, event_key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sync_connections ON DELETE CASCADE
);
CREATE INDEX sync_events_open ON sync_events (tenant_id, connection_id, subject, seq) WHERE status <> 'done';
CREATE INDEX sync_events_by_age ON sync_events (tenant_id, received_at);
CALL put_behind_tenant('sync_events');

CREATE TABLE sync_outbox (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  seq bigint GENERATED ALWAYS AS IDENTITY,
  connection_id uuid NOT NULL,
  subject text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('update', 'erase')),
  -- { crmId, change, base }; of an erasure { crmId } alone, under a key that the erasure does not destroy.
  sealed bytea,
  -- The source's version that the last attempt was conditional on: written before it is sent.
  sent_version text,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'done', 'conflict', 'dead', 'dropped')),
  theirs bytea,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz(3) NOT NULL DEFAULT now(),
  problem text,
  actor_id text NOT NULL,
  actor_role text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  ended_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES sync_connections ON DELETE CASCADE
);
CREATE INDEX sync_outbox_open ON sync_outbox (tenant_id, connection_id, subject, seq)
  WHERE status IN ('pending', 'sending', 'conflict', 'dead');
CREATE INDEX sync_outbox_by_end ON sync_outbox (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
CALL put_behind_tenant('sync_outbox');

-- Down Migration

DROP TABLE sync_outbox, sync_events, sync_clients, sync_connections;
