-- A session outlives its user for a moment: the tokens that it names still have to be revoked.
-- Up Migration

ALTER TABLE sessions DROP CONSTRAINT sessions_tenant_id_user_id_fkey;
CREATE INDEX sessions_by_expiry ON sessions (tenant_id, expires_at);
CREATE INDEX sessions_by_end ON sessions (tenant_id, ended_at) WHERE ended_at IS NOT NULL;

-- Down Migration

DROP INDEX sessions_by_end, sessions_by_expiry;
DELETE FROM sessions s WHERE NOT EXISTS (
  SELECT FROM users u WHERE u.tenant_id = s.tenant_id AND u.id = s.user_id
);
ALTER TABLE sessions ADD CONSTRAINT sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id)
  REFERENCES users (tenant_id, id) ON DELETE CASCADE;
