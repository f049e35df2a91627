// The CRM with a database user that is no superuser: it migrates, seeds and serves, and row-level security binds it, too.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Client } from "pg";
import { migrate } from "../../db/migrate.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { DEMO_TENANTS, seedDemoData } from "../../seed/index.js";
import { createTestDatabase, type TestDatabase } from "../../servers/index.js";
import { rewrapKeys } from "../../services/subjects/key-rotation.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../services/subjects/subject-vault.js";
import { patientPool } from "../support/patient.js";

const [LARGEST] = DEMO_TENANTS;

async function administer(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

describe("a database user that is no superuser", () => {
  const user = `owner_${randomBytes(6).toString("hex")}`;
  let database: TestDatabase;
  let url: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    const name = new URL(database.url).pathname.slice(1);
    await administer(
      database.url,
      `CREATE ROLE ${user} LOGIN NOSUPERUSER PASSWORD 'secret'`,
      `ALTER DATABASE ${name} OWNER TO ${user}`,
      // Where no other database of this server has made it yet.
      "DO $$ BEGIN CREATE ROLE crm_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    );
    const own = new URL(database.url);
    own.username = user;
    own.password = "secret";
    url = own.href;
  });
  afterAll(async () => {
    const admin = new URL(database.url);
    await database.drop();
    admin.pathname = "/postgres";
    await administer(admin.href, `DROP ROLE ${user}`);
  });

  test("is told which statement is missing, then migrates, seeds and sees one tenant at a time", async () => {
    const refused = migrate(url, () => undefined);
    await assert.rejects(refused, new RegExp(`run as a superuser: GRANT crm_app TO ${user}`));
    await administer(database.url, `GRANT crm_app TO ${user}`);
    await migrate(url, () => undefined);
    assert.equal(await seedDemoData(url, { scale: 0.002 }), true);

    const pool = patientPool(url);
    try {
      const count = "SELECT count(*)::int AS accounts FROM accounts";
      const seen = await withTenant(pool, LARGEST?.id ?? "", (client) => client.query(count));
      assert.deepEqual(seen.rows, [{ accounts: 40 }]);
      // The owner itself, without a tenant: FORCE ROW LEVEL SECURITY.
      assert.deepEqual((await pool.query(count)).rows, [{ accounts: 0 }]);
    } finally {
      await pool.end();
    }
  });

  test("what goes on behind requests for subjects finds the tenants it is about, and changes nothing without one", async () => {
    const pool = patientPool(url);
    const folder = mkdtempSync(path.join(tmpdir(), "subject-secrets-"));
    const [first, second] = ["first", "second"].map((id) => ({ id, secret: randomBytes(32) }));
    assert.ok(first && second && LARGEST);
    const vaultOf = (keys: readonly (typeof first)[]) => {
      const provider = new LocalKeyProvider({ keys, folder });
      const audit = { append: async () => undefined };
      return { provider, vault: new SubjectVault({ pool, provider, audit, fence: async () => true }) };
    };
    const { vault } = vaultOf([first]);
    try {
      const sealed = await vault.seal(LARGEST.id, ["subject"], "note", 1);
      const rotated = vaultOf([second, first]);
      // The subject's, and the tenant's own.
      assert.deepEqual(await rewrapKeys(pool, rotated.provider), { rewrapped: 2, failed: 0 });
      assert.equal(await rotated.vault.open(LARGEST.id, "note", sealed), 1);
      let isAway = true;
      rotated.vault.onErase({
        name: "notes",
        holds: async () => [],
        erase: async () => {
          if (isAway) throw new Error("away");
        },
        export: async () => [],
      });
      await assert.rejects(rotated.vault.erase(LARGEST.id, "subject", "objection"), /away/);
      isAway = false;
      await administer(database.url, "UPDATE subject_erasures SET attempted_at = now() - interval '6 s'");
      assert.deepEqual(await rotated.vault.resumeErasures(), { finished: 1 });
      assert.equal((await pool.query("DELETE FROM subject_erasures")).rowCount, 0);
      rotated.vault.close();
    } finally {
      vault.close();
      rmSync(folder, { recursive: true });
      await pool.end();
    }
  });
});
