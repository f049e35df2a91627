-- Tenants, and the role that every request's queries run as.
-- Up Migration

-- Roles belong to the whole server: another database, or an instance that starts at the same moment, may have made it already.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crm_app') THEN
    CREATE ROLE crm_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'user % may not create the role crm_app: give it CREATEROLE, or run as a superuser: CREATE ROLE crm_app NOLOGIN; GRANT crm_app TO %',
      current_user, quote_ident(current_user);
END
$$;

-- SET ROLE needs membership, which since PostgreSQL 16 does not follow from having created the role. A superuser needs none.
DO $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT crm_app TO %I', current_user);
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    IF NOT pg_has_role(current_user, 'crm_app', 'MEMBER') THEN
      RAISE EXCEPTION 'user % may not act as the role crm_app: run as a superuser: GRANT crm_app TO %',
        current_user, quote_ident(current_user);
    END IF;
END
$$;

-- The tenant of the current transaction; NULL, which equals nothing, where none has been chosen.
CREATE FUNCTION current_tenant_id() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;

CREATE TABLE tenants (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_own ON tenants FOR SELECT TO crm_app USING (id = current_tenant_id());
-- Making tenants is the migrating user's business, never a request's.
CREATE POLICY tenants_administration ON tenants TO CURRENT_USER USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA public TO crm_app;
GRANT SELECT ON tenants TO crm_app;

-- Down Migration

DROP TABLE tenants;
DROP FUNCTION current_tenant_id();
REVOKE USAGE ON SCHEMA public FROM crm_app;
