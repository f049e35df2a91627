-- Credits of users, workflows, and saved lists of leads.
-- Up Migration

-- One row for each user and type. The check is what makes a balance that nobody has impossible, whoever writes.
CREATE TABLE credits (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  user_id uuid NOT NULL,
  type text NOT NULL,
  balance bigint NOT NULL CHECK (balance >= 0),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id, type),
  CONSTRAINT credits_user_exists FOREIGN KEY (tenant_id, user_id)
    REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CALL put_behind_tenant('credits');

CREATE TABLE workflows (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  trigger text NOT NULL,
  is_active boolean NOT NULL,
  definition jsonb NOT NULL,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT workflows_name_unique UNIQUE (tenant_id, name_key)
);
CREATE INDEX workflows_by_creation ON workflows (tenant_id, created_at DESC, id DESC);
CALL put_behind_tenant('workflows');

-- A saved filter: which leads are in the list follows from the leads.
CREATE TABLE leadlists (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  status text,
  source text,
  rating text,
  min_score integer CHECK (min_score BETWEEN 0 AND 100),
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT leadlists_name_unique UNIQUE (tenant_id, name_key)
);
CREATE INDEX leadlists_by_creation ON leadlists (tenant_id, created_at DESC, id DESC);
CALL put_behind_tenant('leadlists');

-- Down Migration

DROP TABLE leadlists, workflows, credits;
