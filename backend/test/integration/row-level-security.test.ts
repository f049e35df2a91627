// The second wall: what a query can reach when it forgets the tenant.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { withTenant } from "../../db/tenant-transaction.js";
import { type Crm, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { SAMPLE_MODULES } from "../support/records.js";

const TABLES = SAMPLE_MODULES.map(({ name }) => name);

describe("row-level security", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm();
    for (const tenant of [TENANT_A, TENANT_B]) {
      const member = await crm.client("member", tenant);
      for (const { name, document } of SAMPLE_MODULES)
        await member.post(`/api/${name}`, document(1)).expect(201);
    }
  });
  afterAll(() => crm.close());

  for (const table of TABLES) {
    test(`${table}: a query without a tenant filter sees its own tenant's rows only`, async () => {
      for (const tenant of [TENANT_A, TENANT_B]) {
        const { rows } = await withTenant(crm.pool, tenant, (client) =>
          client.query(`SELECT tenant_id FROM ${table}`),
        );
        assert.deepEqual(rows, [{ tenant_id: tenant }]);
      }
    });

    test(`${table}: writes cannot reach or make another tenant's rows`, async () => {
      const changed = await withTenant(crm.pool, TENANT_A, async (client) => {
        const update = await client.query(`UPDATE ${table} SET description = 'x' WHERE tenant_id = $1`, [
          TENANT_B,
        ]);
        const removal = await client.query(`DELETE FROM ${table} WHERE tenant_id = $1`, [TENANT_B]);
        return [update.rowCount, removal.rowCount];
      });
      assert.deepEqual(changed, [0, 0]);
      await assert.rejects(
        withTenant(crm.pool, TENANT_A, (client) =>
          client.query(`UPDATE ${table} SET tenant_id = $1`, [TENANT_B]),
        ),
        /row-level security/,
      );
    });

    test(`${table}: without a tenant the role sees nothing`, async () => {
      const client = await crm.pool.connect();
      try {
        await client.query("BEGIN; SET LOCAL ROLE crm_app");
        assert.equal((await client.query(`SELECT FROM ${table}`)).rowCount, 0);
        // What SET LOCAL leaves behind after a transaction is the empty string.
        await client.query("SELECT set_config('app.tenant_id', '', true)");
        assert.equal((await client.query(`SELECT FROM ${table}`)).rowCount, 0);
      } finally {
        await client.query("ROLLBACK");
        client.release();
      }
    });

    test(`${table}: forced upon the tables' owner, too`, async () => {
      const { rows } = await crm.pool.query(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::regclass",
        [table],
      );
      assert.deepEqual(rows, [{ relrowsecurity: true, relforcerowsecurity: true }]);
    });
  }

  test("every table with a tenant_id is behind it", async () => {
    const { rows } = await crm.pool.query(
      `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
       WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
    );
    assert.deepEqual(rows, []);
  });

  test("the role cannot log in, and has no way round", async () => {
    const { rows } = await crm.pool.query(
      "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = 'crm_app'",
    );
    assert.deepEqual(rows, [
      { rolcanlogin: false, rolsuper: false, rolbypassrls: false, rolcreaterole: false },
    ]);
  });

  test("tenants: only the own row, and no writes", async () => {
    const { rows } = await withTenant(crm.pool, TENANT_A, (client) => client.query("SELECT id FROM tenants"));
    assert.deepEqual(rows, [{ id: TENANT_A }]);
    await assert.rejects(
      withTenant(crm.pool, TENANT_A, (client) => client.query("UPDATE tenants SET name = 'x'")),
      /permission denied/,
    );
  });

  test("neither role nor tenant outlives the transaction, whether it commits, fails or reads only", async () => {
    const one = async () =>
      (await crm.pool.query("SELECT current_user AS role, current_setting('app.tenant_id', true) AS tenant"))
        .rows[0];
    const before = await one();
    await withTenant(crm.pool, TENANT_A, async () => undefined);
    await assert.rejects(
      withTenant(crm.pool, TENANT_A, (client) => client.query("SELECT 1 / 0")),
      /division by zero/,
    );
    await assert.rejects(
      withTenant(crm.pool, TENANT_A, (client) => client.query("DELETE FROM accounts"), { readOnly: true }),
      /read-only transaction/,
    );
    const afterwards = await one();
    assert.equal(afterwards.role, before.role);
    assert.ok(!afterwards.tenant);
    assert.equal(crm.pool.idleCount, crm.pool.totalCount);
  });

  test("a tenant id that is no UUID never reaches the database", async () => {
    for (const id of ["*", "", `${TENANT_A}'; DROP TABLE accounts; --`, `${TENANT_A}\n`]) {
      await assert.rejects(
        withTenant(crm.pool, id, async () => undefined),
        /is not a UUID/,
      );
    }
  });
});
