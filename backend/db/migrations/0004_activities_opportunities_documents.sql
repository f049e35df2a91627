-- Opportunities, activities and documents. What every module's table has is told in docs/adding-a-module.md.
-- Up Migration

-- What 0002 and 0003 do in loops: only rows of the transaction's tenant exist for a query, also for the table's owner.
CREATE PROCEDURE put_behind_tenant(owned regclass)
  LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', owned);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', owned);
  EXECUTE format(
    'CREATE POLICY own_tenant ON %s USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id())',
    owned
  );
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO crm_app', owned);
END
$$;
REVOKE ALL ON PROCEDURE put_behind_tenant FROM PUBLIC;

CREATE TABLE opportunities (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  account_id uuid,
  name text NOT NULL,
  stage text NOT NULL,
  amount numeric(15, 2) CHECK (amount >= 0),
  probability integer CHECK (probability BETWEEN 0 AND 100),
  close_date date,
  source text,
  next_step text,
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name || ' ' || coalesce(next_step, ''))) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT opportunities_account_exists FOREIGN KEY (tenant_id, account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (account_id)
);
CREATE INDEX opportunities_by_creation ON opportunities (tenant_id, created_at DESC, id DESC);
CREATE INDEX opportunities_by_change ON opportunities (tenant_id, updated_at DESC, id DESC);
CREATE INDEX opportunities_by_name ON opportunities (tenant_id, name_key, id);
CREATE INDEX opportunities_by_account ON opportunities (tenant_id, account_id, created_at DESC, id DESC);
CREATE INDEX opportunities_by_close_date ON opportunities (tenant_id, close_date, id);
CALL put_behind_tenant('opportunities');

CREATE TABLE activities (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  type text NOT NULL,
  subject text NOT NULL,
  status text NOT NULL,
  due_on date,
  duration_minutes integer CHECK (duration_minutes >= 0),
  account_id uuid,
  contact_id uuid,
  lead_id uuid,
  opportunity_id uuid,
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  subject_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(subject)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(subject)) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT activities_account_exists FOREIGN KEY (tenant_id, account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (account_id),
  CONSTRAINT activities_contact_exists FOREIGN KEY (tenant_id, contact_id)
    REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id),
  CONSTRAINT activities_lead_exists FOREIGN KEY (tenant_id, lead_id)
    REFERENCES leads (tenant_id, id) ON DELETE SET NULL (lead_id),
  CONSTRAINT activities_opportunity_exists FOREIGN KEY (tenant_id, opportunity_id)
    REFERENCES opportunities (tenant_id, id) ON DELETE SET NULL (opportunity_id)
);
CREATE INDEX activities_by_creation ON activities (tenant_id, created_at DESC, id DESC);
CREATE INDEX activities_by_change ON activities (tenant_id, updated_at DESC, id DESC);
CREATE INDEX activities_by_due_date ON activities (tenant_id, due_on, id);
CREATE INDEX activities_by_account ON activities (tenant_id, account_id, created_at DESC, id DESC);
CREATE INDEX activities_by_contact ON activities (tenant_id, contact_id, created_at DESC, id DESC);
CREATE INDEX activities_by_lead ON activities (tenant_id, lead_id) WHERE lead_id IS NOT NULL;
CREATE INDEX activities_by_opportunity ON activities (tenant_id, opportunity_id) WHERE opportunity_id IS NOT NULL;
CALL put_behind_tenant('activities');

CREATE TABLE documents (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  kind text NOT NULL,
  account_id uuid,
  opportunity_id uuid,
  content_type text,
  content_bytes integer,
  content bytea CHECK (octet_length(content) <= 1048576),
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT documents_content_consistent CHECK (
    (content IS NULL) = (content_bytes IS NULL) AND (content IS NULL) = (content_type IS NULL)
  ),
  CONSTRAINT documents_account_exists FOREIGN KEY (tenant_id, account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (account_id),
  CONSTRAINT documents_opportunity_exists FOREIGN KEY (tenant_id, opportunity_id)
    REFERENCES opportunities (tenant_id, id) ON DELETE SET NULL (opportunity_id)
);
CREATE INDEX documents_by_creation ON documents (tenant_id, created_at DESC, id DESC);
CREATE INDEX documents_by_change ON documents (tenant_id, updated_at DESC, id DESC);
CREATE INDEX documents_by_name ON documents (tenant_id, name_key, id);
CREATE INDEX documents_by_account ON documents (tenant_id, account_id, created_at DESC, id DESC);
CREATE INDEX documents_by_opportunity ON documents (tenant_id, opportunity_id) WHERE opportunity_id IS NOT NULL;
CALL put_behind_tenant('documents');

-- Down Migration

DROP TABLE documents, activities, opportunities;
DROP PROCEDURE put_behind_tenant;
