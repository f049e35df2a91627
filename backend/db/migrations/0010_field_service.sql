-- Field service: orders, the tasks they consist of, and the technicians' schedules.
--
-- Keys repeat the tenant, as in 0002_crm.sql. Indexes serve the cached views (backend/services/), one each.

-- Up Migration

CREATE TABLE orders (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  number text NOT NULL,
  account_id uuid,
  status text NOT NULL,
  description text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  number_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(number)) STORED,
  search_text text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(number || ' ' || coalesce(description, ''))) STORED,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT orders_number_unique UNIQUE (tenant_id, number_key),
  CONSTRAINT orders_account_exists FOREIGN KEY (tenant_id, account_id)
    REFERENCES accounts (tenant_id, id) ON DELETE SET NULL (account_id)
);
CREATE INDEX orders_by_creation ON orders (tenant_id, created_at DESC, id DESC);
CREATE INDEX orders_by_account ON orders (tenant_id, account_id, created_at DESC, id DESC);

CREATE TABLE tasks (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  order_id uuid NOT NULL,
  technician_id uuid,
  title text NOT NULL,
  description text,
  status text NOT NULL,
  priority text NOT NULL,
  due_on date,
  completed_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT tasks_completed_consistently CHECK ((status = 'completed') = (completed_at IS NOT NULL)),
  CONSTRAINT tasks_order_exists FOREIGN KEY (tenant_id, order_id)
    REFERENCES orders (tenant_id, id) ON DELETE CASCADE,
  CONSTRAINT tasks_technician_exists FOREIGN KEY (tenant_id, technician_id)
    REFERENCES users (tenant_id, id) ON DELETE SET NULL (technician_id)
);
CREATE INDEX tasks_by_order ON tasks (tenant_id, order_id, created_at, id);
CREATE INDEX tasks_by_technician ON tasks (tenant_id, technician_id, status);
CREATE INDEX tasks_by_status ON tasks (tenant_id, status, updated_at DESC, id DESC);
CREATE INDEX tasks_by_change ON tasks (tenant_id, updated_at DESC, id DESC);
CREATE INDEX tasks_by_creation ON tasks (tenant_id, created_at);
CREATE INDEX tasks_by_completion ON tasks (tenant_id, completed_at) WHERE completed_at IS NOT NULL;

-- The moment of completion follows from the status, whoever writes it.
CREATE FUNCTION tasks_note_completion() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  NEW.completed_at := CASE WHEN NEW.status = 'completed' THEN coalesce(NEW.completed_at, now()) END;
  RETURN NEW;
END
$$;
CREATE TRIGGER tasks_completion BEFORE INSERT OR UPDATE ON tasks
  FOR EACH ROW EXECUTE FUNCTION tasks_note_completion();

CREATE TABLE schedules (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  technician_id uuid NOT NULL,
  order_id uuid,
  title text NOT NULL,
  date date NOT NULL,
  starts_at time(0) NOT NULL,
  ends_at time(0) NOT NULL,
  status text NOT NULL,
  notes text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT schedules_ends_after_start CHECK (ends_at > starts_at),
  CONSTRAINT schedules_order_exists FOREIGN KEY (tenant_id, order_id)
    REFERENCES orders (tenant_id, id) ON DELETE SET NULL (order_id),
  CONSTRAINT schedules_technician_exists FOREIGN KEY (tenant_id, technician_id)
    REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX schedules_by_technician ON schedules (tenant_id, technician_id, date, starts_at);
CREATE INDEX schedules_by_date ON schedules (tenant_id, date, starts_at);
CREATE INDEX schedules_by_order ON schedules (tenant_id, order_id) WHERE order_id IS NOT NULL;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['orders', 'tasks', 'schedules'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY %I ON %I USING (tenant_id = current_tenant_id()) WITH CHECK (tenant_id = current_tenant_id())',
      name || '_own_tenant', name
    );
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO crm_app', name);
  END LOOP;
END
$$;

-- Down Migration

DROP TABLE schedules, tasks, orders;
DROP FUNCTION tasks_note_completion();
