-- Users of a tenant, and their sessions.
--
-- A session begins with a login and is what every refresh token of it belongs to: only the token of the current generation is good,
-- and an older one that comes back ends the session. No secret is stored: a refresh token is signed. Sessions are state, nothing evicts them.

-- Up Migration

CREATE TABLE users (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  email text NOT NULL,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('viewer', 'member', 'admin')),
  phone text,
  is_technician boolean NOT NULL DEFAULT false,
  is_active boolean NOT NULL DEFAULT true,
  -- Argon2id in the PHC string format. NULL: this user cannot log in.
  password_hash text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  email_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(email)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name || ' ' || email)) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT users_email_unique UNIQUE (tenant_id, email_key)
);
CREATE INDEX users_by_creation ON users (tenant_id, created_at DESC, id DESC);
CREATE INDEX users_by_name ON users (tenant_id, name_key, id);
CREATE INDEX users_technicians ON users (tenant_id, name_key, id) WHERE is_technician;

CREATE TABLE sessions (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  generation integer NOT NULL DEFAULT 1,
  -- [{"jti", "expiresAtMs"}]: access tokens that may still be good, to be revoked when the session ends.
  access_tokens jsonb NOT NULL,
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  refreshed_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  ended_at timestamptz(3),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['users', 'sessions'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format(
      'CREATE POLICY %I ON %I USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id())',
      owned || '_own_tenant', owned
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO crm_app', owned);
  END LOOP;
END
$$;

-- Down Migration

DROP TABLE sessions, users;
