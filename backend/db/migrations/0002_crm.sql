-- The four CRM modules.
--
-- Keys are (tenant_id, id) and foreign keys repeat the tenant, so that no row can point into another tenant.
-- Picklists (industry, status, ...) are checked by the API alone: a new value needs no migration.
-- "*_key" columns are lower-cased and compared bytewise ("C"): the same order on every operating system, and prefix search by index.
-- "search_text" serves substring search within one tenant. A trigram index would not: behind row-level security the planner only
-- uses operators that are marked leakproof, and LIKE is not, so the tenant's index narrows the rows and the filter does the rest.

-- Up Migration

CREATE TABLE accounts (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  type text NOT NULL,
  industry text,
  rating text,
  website text,
  phone text,
  annual_revenue numeric(15, 2) CHECK (annual_revenue >= 0),
  employee_count integer CHECK (employee_count >= 0),
  billing_street text,
  billing_city text,
  billing_state text,
  billing_postal_code text,
  billing_country text,
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    lower(name || ' ' || coalesce(website, '') || ' ' || coalesce(billing_city, ''))
  ) STORED,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX accounts_by_creation ON accounts (tenant_id, created_at DESC, id DESC);
CREATE INDEX accounts_by_change ON accounts (tenant_id, updated_at DESC, id DESC);
CREATE INDEX accounts_by_name ON accounts (tenant_id, name_key, id);
CREATE INDEX accounts_by_industry ON accounts (tenant_id, industry, created_at DESC, id DESC);

CREATE TABLE contacts (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  account_id uuid,
  first_name text,
  last_name text NOT NULL,
  email text,
  phone text,
  mobile_phone text,
  title text,
  department text,
  source text,
  mailing_street text,
  mailing_city text,
  mailing_state text,
  mailing_postal_code text,
  mailing_country text,
  do_not_contact boolean NOT NULL DEFAULT false,
  owner_email text,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  first_name_key text COLLATE "C" GENERATED ALWAYS AS (lower(first_name)) STORED,
  last_name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(last_name)) STORED,
  email_key text COLLATE "C" GENERATED ALWAYS AS (lower(email)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    lower(coalesce(first_name, '') || ' ' || last_name || ' ' || coalesce(email, '') || ' ' || coalesce(title, ''))
  ) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT contacts_email_unique UNIQUE (tenant_id, email_key),
  CONSTRAINT contacts_account_exists FOREIGN KEY (tenant_id, account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (account_id)
);
CREATE INDEX contacts_by_creation ON contacts (tenant_id, created_at DESC, id DESC);
CREATE INDEX contacts_by_change ON contacts (tenant_id, updated_at DESC, id DESC);
CREATE INDEX contacts_by_last_name ON contacts (tenant_id, last_name_key, id);
CREATE INDEX contacts_by_first_name ON contacts (tenant_id, first_name_key, id);
CREATE INDEX contacts_by_account ON contacts (tenant_id, account_id, created_at DESC, id DESC);

CREATE TABLE leads (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  first_name text,
  last_name text NOT NULL,
  company text NOT NULL,
  title text,
  email text,
  phone text,
  website text,
  industry text,
  status text NOT NULL,
  source text,
  rating text,
  score integer CHECK (score BETWEEN 0 AND 100),
  annual_revenue numeric(15, 2) CHECK (annual_revenue >= 0),
  employee_count integer CHECK (employee_count >= 0),
  street text,
  city text,
  state text,
  postal_code text,
  country text,
  owner_email text,
  description text,
  converted_at timestamptz(3),
  converted_contact_id uuid,
  converted_account_id uuid,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  last_name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(last_name)) STORED,
  company_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(company)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    lower(coalesce(first_name, '') || ' ' || last_name || ' ' || company || ' ' || coalesce(email, ''))
  ) STORED,
  PRIMARY KEY (tenant_id, id),
  -- What a lead became may be deleted later; the lead then stays converted.
  CONSTRAINT leads_converted_consistently CHECK ((status = 'converted') = (converted_at IS NOT NULL)),
  FOREIGN KEY (tenant_id, converted_contact_id)
    REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (converted_contact_id),
  FOREIGN KEY (tenant_id, converted_account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (converted_account_id)
);
CREATE INDEX leads_by_creation ON leads (tenant_id, created_at DESC, id DESC);
CREATE INDEX leads_by_change ON leads (tenant_id, updated_at DESC, id DESC);
CREATE INDEX leads_by_status ON leads (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX leads_by_score ON leads (tenant_id, score DESC NULLS LAST, id DESC);
CREATE INDEX leads_by_last_name ON leads (tenant_id, last_name_key, id);
CREATE INDEX leads_by_company ON leads (tenant_id, company_key, id);
CREATE INDEX leads_by_contact ON leads (tenant_id, converted_contact_id) WHERE converted_contact_id IS NOT NULL;
CREATE INDEX leads_by_account ON leads (tenant_id, converted_account_id) WHERE converted_account_id IS NOT NULL;

CREATE TABLE bizdevsources (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  name text NOT NULL,
  channel text NOT NULL,
  status text NOT NULL,
  company text,
  contact_name text,
  contact_email text,
  contact_phone text,
  website text,
  industry text,
  region text,
  city text,
  country text,
  expected_value numeric(15, 2) CHECK (expected_value >= 0),
  probability integer CHECK (probability BETWEEN 0 AND 100),
  next_review_on date,
  owner_email text,
  description text,
  promoted_at timestamptz(3),
  promoted_account_id uuid,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  name_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    lower(name || ' ' || coalesce(company, '') || ' ' || coalesce(contact_name, '') || ' ' || coalesce(contact_email, ''))
  ) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT bizdevsources_name_unique UNIQUE (tenant_id, name_key),
  CONSTRAINT bizdevsources_promoted_consistently CHECK ((status = 'promoted') = (promoted_at IS NOT NULL)),
  FOREIGN KEY (tenant_id, promoted_account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (promoted_account_id)
);
CREATE INDEX bizdevsources_by_creation ON bizdevsources (tenant_id, created_at DESC, id DESC);
CREATE INDEX bizdevsources_by_change ON bizdevsources (tenant_id, updated_at DESC, id DESC);
CREATE INDEX bizdevsources_by_status ON bizdevsources (tenant_id, status, created_at DESC, id DESC);
CREATE INDEX bizdevsources_by_account ON bizdevsources (tenant_id, promoted_account_id)
  WHERE promoted_account_id IS NOT NULL;

-- The second wall: whatever a query forgets, only rows of the transaction's tenant exist for it. FORCE includes the tables' owner.
DO $$
DECLARE
  module text;
BEGIN
  FOREACH module IN ARRAY ARRAY['accounts', 'contacts', 'leads', 'bizdevsources'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', module);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', module);
    EXECUTE format(
      'CREATE POLICY %I ON %I USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id())',
      module || '_own_tenant', module
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO crm_app', module);
  END LOOP;
END
$$;

-- Down Migration

DROP TABLE bizdevsources, leads, contacts, accounts;
