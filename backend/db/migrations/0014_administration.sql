-- What operators do: suspended tenants, passwords that others have set, invitations, and the record of all of it.
--
-- A version from before this one runs on this schema, too: everything is added, and has a default.

-- Up Migration

ALTER TABLE tenants ADD COLUMN suspended_at timestamptz(3), ADD COLUMN suspended_reason text;

ALTER TABLE users
  -- Somebody else knows the password: whoever logs in with it has to choose another first.
  ADD COLUMN must_change_password boolean NOT NULL DEFAULT false,
  -- Of the one invitation that is good; no secret, as the token that names it is signed.
  ADD COLUMN invitation_id uuid;

-- Outlives its tenants. Requests, which run as crm_app, may neither read nor write it.
CREATE TABLE admin_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz(3) NOT NULL DEFAULT now(),
  actor text NOT NULL,
  command text NOT NULL,
  tenant_id uuid,
  -- What was asked for, without secrets.
  details jsonb NOT NULL DEFAULT '{}',
  reason text,
  -- "begun" until the command has ended: what stays so was interrupted.
  result text NOT NULL DEFAULT 'begun'
);
ALTER TABLE admin_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE admin_log FORCE ROW LEVEL SECURITY;
CREATE POLICY admin_log_administration ON admin_log TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE INDEX admin_log_by_tenant ON admin_log (tenant_id, id);

-- Down Migration

DROP TABLE admin_log;
ALTER TABLE users DROP COLUMN must_change_password, DROP COLUMN invitation_id;
ALTER TABLE tenants DROP COLUMN suspended_at, DROP COLUMN suspended_reason;
