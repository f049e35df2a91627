-- What a user may do in the overlay, beside the role of the CRM.
-- Up Migration

ALTER TABLE users
  ADD COLUMN overlay_roles text[] NOT NULL DEFAULT '{}'
  CONSTRAINT users_overlay_roles_known CHECK (overlay_roles <@ ARRAY['agent', 'supervisor', 'auditor']);

-- Down Migration

ALTER TABLE users DROP COLUMN overlay_roles;
