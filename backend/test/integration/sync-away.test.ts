// A CRM that is slow, and a database that goes away while loops run: they go on by themselves.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "@jest/globals";
import { pino } from "pino";
import { migrate } from "../../db/migrate.js";
import { createPool } from "../../db/pool.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { afterTest, closeAfterTest } from "../../servers/in-test.js";
import { startDurablePostgres } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { AuditTrail } from "../../services/audit/audit-trail.js";
import { LocalKeyProvider } from "../../services/subjects/local-key-provider.js";
import { SubjectVault } from "../../services/subjects/subject-vault.js";
import { TenantKeys } from "../../services/subjects/tenant-keys.js";
import { SyncService } from "../../services/sync/sync-service.js";
import { openCache } from "../support/caches.js";
import { ACTOR, hubspotConnection, startHubspot } from "../support/crms/sync-system.js";
import { TENANT } from "../support/subject-database.js";

test("PostgreSQL dies and comes back, and so does the CRM: what was committed goes there, once", async () => {
  const server = await startHubspot();
  closeAfterTest(server);
  const postgres = await startDurablePostgres();
  afterTest(() => postgres.stop());
  await migrate(postgres.url, () => undefined);
  const pool = createPool({ databaseUrl: postgres.url, onError: () => undefined });
  afterTest(() => pool.end());
  const own = createPool({ databaseUrl: postgres.url, max: 3, onError: () => undefined });
  afterTest(() => own.end());
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant')", [TENANT]);
  const folder = mkdtempSync(path.join(tmpdir(), "sync-secrets-"));
  afterTest(() => rmSync(folder, { recursive: true, force: true }));
  const provider = new LocalKeyProvider({ keys: [{ id: "first", secret: randomBytes(32) }], folder });
  const tenantKeys = new TenantKeys(own, provider);
  const audit = new AuditTrail({
    pool: own,
    pseudonym: (tenant, subject) => tenantKeys.pseudonym(tenant, subject),
  });
  const vault = new SubjectVault({ pool: own, provider, tenantKeys, audit, fence: async () => true });
  const cache = await openCache("memory");
  closeAfterTest(cache);
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line).msg) });
  const connections = [hubspotConnection(server)];
  const sync = new SyncService({
    pool,
    cache,
    vault,
    audit,
    logger,
    connections,
    replayEveryMs: 200,
  }).start();
  closeAfterTest(sync);

  const id = server.create({ firstname: "Ada" });
  await until("the client is here", async () => {
    const state = await sync.state(TENANT, "hubspot", id);
    return state?.syncStatus === "fresh" && state.version !== undefined;
  });
  server.slowMs = 100;
  server.goAway("500");
  const prepared = await sync.prepare(TENANT, "hubspot", id, { firstname: "Grace" });
  assert.ok(prepared);
  await withTenant(pool, TENANT, (client) => sync.enqueue(client, ACTOR, prepared));
  await until("it was tried", () => server.count(/contacts/) > 2);
  await postgres.kill();
  await until("the loops say so", () => lines.some((line) => /does not go on/.test(line)));
  server.comeBack();
  await postgres.restart();
  await until("it is there", () => server.contacts.get(id)?.properties.firstname === "Grace");
  await until("and known to be there", async () => {
    try {
      return (await sync.state(TENANT, "hubspot", id))?.syncStatus === "fresh";
    } catch {
      return false;
    }
  });
  assert.equal(server.writes.length, 1);
  assert.ok(lines.filter((line) => /does not go on/.test(line)).length <= 3, "one line for each loop");
});
