-- When somebody last asked for something of the tenant: what is warmed for whom.
-- Up Migration

ALTER TABLE tenants ADD COLUMN last_active_at timestamptz(3);

-- Down Migration

ALTER TABLE tenants DROP COLUMN last_active_at;
