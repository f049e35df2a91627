// The demo data: all or nothing, the same every time, believable, and served by the indexes.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Pool } from "pg";
import { migrate } from "../../db/migrate.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { accountsModule } from "../../modules/accounts/accounts-module.js";
import { contactsModule } from "../../modules/contacts/contacts-module.js";
import { MODULES } from "../../modules/index.js";
import { leadsModule } from "../../modules/leads/leads-module.js";
import { listQuerySchema } from "../../modules/list-query.js";
import { orderClause, Parameters, selectList, whereClause } from "../../modules/list-sql.js";
import type { ModuleDefinition } from "../../modules/module-definition.js";
import { DEMO_TENANTS, isSeeded, seedDemoData } from "../../seed/index.js";
import { createTestDatabase, type TestDatabase } from "../../servers/index.js";
import { patientPool } from "../support/patient.js";

const LARGEST = DEMO_TENANTS[0]?.id ?? "";
const SCALE = 0.2;

/** Some tables have no module: their routes are a service. */
const TABLES = ["users", "tasks", "schedules", ...MODULES.map(({ name }) => name)];

async function fingerprint(pool: Pool): Promise<unknown> {
  const tables = TABLES.map(
    (name) =>
      `SELECT '${name}' AS table, count(*)::int, md5(string_agg(t::text, '' ORDER BY tenant_id, id)) FROM ${name} t`,
  );
  return (await pool.query(`${tables.join(" UNION ALL ")} ORDER BY 1`)).rows;
}

describe("demo data", () => {
  let database: TestDatabase;
  let pool: Pool;
  const progress: (readonly [done: number, total: number])[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    await migrate(database.url, () => undefined);
    pool = patientPool(database.url);
    assert.equal(await isSeeded(database.url), false);
    const onProgress = (done: number, total: number) => void progress.push([done, total]);
    assert.equal(await seedDemoData(database.url, { scale: SCALE, onProgress }), true);
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  test("progress ends at the total, which is what was loaded", async () => {
    const [done, total] = progress.at(-1) ?? [];
    assert.equal(done, total);
    const { rows } = await pool.query(
      `SELECT (${TABLES.map((name) => `(SELECT count(*) FROM ${name})`).join(" + ")})::int AS loaded, (SELECT count(*)::int FROM tenants) AS tenants`,
    );
    assert.deepEqual(rows, [{ loaded: total, tenants: 20 }]);
  });

  test("a second time does nothing", async () => {
    assert.equal(await isSeeded(database.url), true);
    assert.equal(await seedDemoData(database.url), false);
  });

  test("every database gets the same rows, whoever seeds first", async () => {
    const twin = await createTestDatabase();
    const twinPool = patientPool(twin.url);
    try {
      await Promise.all([migrate(twin.url, () => undefined), migrate(twin.url, () => undefined)]);
      const seeded = await Promise.all([
        seedDemoData(twin.url, { scale: SCALE }),
        seedDemoData(twin.url, { scale: SCALE }),
      ]);
      assert.deepEqual(seeded.sort(), [false, true]);
      assert.deepEqual(await fingerprint(twinPool), await fingerprint(pool));
    } finally {
      await twinPool.end();
      await twin.drop();
    }
  });

  test("a seed that breaks off leaves nothing", async () => {
    const broken = await createTestDatabase();
    try {
      await migrate(broken.url, () => undefined);
      const breakOff = (done: number) => {
        if (done > 3000) throw new Error("broken off");
      };
      await assert.rejects(seedDemoData(broken.url, { scale: SCALE, onProgress: breakOff }), /broken off/);
      assert.equal(await isSeeded(broken.url), false);
    } finally {
      await broken.drop();
    }
  });

  test("what belongs together fits together", async () => {
    const none = async (sql: string) => assert.deepEqual((await pool.query(sql)).rows, [], sql);
    await none("SELECT FROM accounts WHERE created_at > updated_at OR updated_at > now()");
    await none("SELECT FROM leads WHERE (status = 'converted') <> (converted_contact_id IS NOT NULL)");
    await none("SELECT FROM bizdevsources WHERE (status = 'promoted') <> (promoted_account_id IS NOT NULL)");
    await none(
      "SELECT FROM documents WHERE octet_length(content) <> content_bytes OR opportunity_id IS NULL",
    );
    await none(
      `SELECT FROM activities a JOIN opportunities o ON o.tenant_id = a.tenant_id AND o.id = a.opportunity_id
       WHERE a.account_id <> o.account_id`,
    );
    // Who owns records is a user.
    await none(
      "SELECT FROM accounts a WHERE NOT EXISTS (SELECT FROM users u WHERE u.tenant_id = a.tenant_id AND u.email = a.owner_email)",
    );
    await none("SELECT FROM contacts WHERE email NOT LIKE '%.example'");
    // Contacts have addresses at their account's domain.
    await none(
      `SELECT FROM contacts c JOIN accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
       WHERE a.website IS NOT NULL AND split_part(c.email, '@', 2) <> replace(a.website, 'https://www.', '')`,
    );
  });

  test("what is loaded is what the API would accept", async () => {
    for (const module of MODULES) {
      const { rows } = await pool.query(
        `SELECT ${module.writableColumns.join(", ")} FROM ${module.name} WHERE NOT coalesce(to_jsonb(${module.name}) ->> 'status', '') = ANY ('{converted,promoted}')`,
      );
      assert.ok(rows.length >= 80);
      for (const row of rows) module.document.parse(row);
    }
  });

  // A tenant has four workflows and four lists: no index is worth reading for these.
  const large = MODULES.filter(({ name }) => name !== "workflows" && name !== "leadlists");
  for (const module of large) {
    test(`${module.name}: the default list is read from its index, in order`, async () => {
      const plan = await explain(pool, module, {});
      assert.match(plan, new RegExp(`Index Scan using ${module.name}_by_creation`));
      assert.doesNotMatch(plan, /Sort|Seq Scan/);
    });
  }

  test("orders by name, and filters by status and account, have indexes of their own", async () => {
    assert.match(await explain(pool, accountsModule, { sort: "name" }), /Index Scan using accounts_by_name/);
    assert.match(
      await explain(pool, accountsModule, { sort: "-name" }),
      /Index Scan Backward using accounts_by_name/,
    );
    assert.match(await explain(pool, leadsModule, { sort: "-score" }), /Index Scan using leads_by_score/);
    const { rows } = await pool.query(
      "SELECT account_id FROM contacts WHERE tenant_id = $1 AND account_id IS NOT NULL LIMIT 1",
      [LARGEST],
    );
    assert.match(
      await explain(pool, contactsModule, { account_id: rows[0].account_id }),
      /contacts_by_account/,
    );
  });

  test("the prefix search of contacts uses indexes, also behind row-level security", async () => {
    const plan = await explainSql(
      pool,
      `SELECT id FROM contacts t WHERE t.tenant_id = $1
       AND (t.first_name_key ^@ $2 OR t.last_name_key ^@ $2 OR t.email_key ^@ $2)`,
      [LARGEST, "maria.adams"],
    );
    for (const index of ["contacts_by_first_name", "contacts_by_last_name", "contacts_email_unique"]) {
      assert.match(plan, new RegExp(index));
    }
    assert.doesNotMatch(plan, /Seq Scan/);
  });
});

/** The plan of a list as the API would run it: role, tenant and all. */
async function explain(pool: Pool, module: ModuleDefinition, query: Record<string, string>): Promise<string> {
  const parsed = listQuerySchema(module).parse(query);
  const { bind, values } = new Parameters();
  const where = whereClause(module, LARGEST, parsed, bind);
  const sql = `SELECT ${selectList(module)} FROM ${module.name} t ${module.joined.join} WHERE ${where}
    ORDER BY ${orderClause(parsed.sort)} LIMIT ${bind(parsed.limit)}`;
  return await explainSql(pool, sql, values);
}

async function explainSql(pool: Pool, sql: string, values: unknown[]): Promise<string> {
  const { rows } = await withTenant(pool, LARGEST, (client) => client.query(`EXPLAIN ${sql}`, values));
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}
