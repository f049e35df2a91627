// `npm run measure:audit`: what recording costs a read that the cache answers, by policy. PostgreSQL is one of its own, with fsync.
// As arguments: seconds of a run (default 4), rounds (default 3).
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import autocannon from "autocannon";
import Table from "cli-table3";
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { startEmbeddedPostgres } from "../backend/db/embedded-postgres.js";
import { migrate } from "../backend/db/migrate.js";
import { createPool } from "../backend/db/pool.js";
import { withTenant } from "../backend/db/tenant-transaction.js";
import { AuditTrail } from "../backend/services/audit/audit-trail.js";
import type { Mode } from "../backend/services/audit/policy/class-policy.js";
import { AUDITED_SCOPE, auditedRoute } from "../backend/services/audit/routes/audited-route.js";

const [seconds = 4, rounds = 3] = process.argv.slice(2).map(Number);
const CONNECTIONS = [1, 64];
const BODY = { letters: Array.from({ length: 20 }, (_, n) => ({ id: n, subject: `Letter ${n}` })) };

interface Subject {
  readonly name: string;
  readonly mode: Mode | undefined;
  readonly groups: boolean;
}

const SUBJECTS: readonly Subject[] = [
  { name: "no audit middleware", mode: undefined, groups: true },
  { name: "off", mode: "off", groups: true },
  { name: "buffer", mode: "buffer", groups: true },
  { name: "require, group commit", mode: "require", groups: true },
  { name: "require, a transaction each", mode: "require", groups: false },
];

const folder = mkdtempSync(
  path.join(os.platform() === "win32" ? process.cwd() : "/var/tmp", "measure-audit-"),
);
const postgres = await startEmbeddedPostgres({ folder, durable: true, log: () => undefined });
await migrate(postgres.url, () => undefined);
const pool = createPool({ databaseUrl: postgres.url, onError: () => undefined });
// Nobody is asked: what is measured is the record.
const pseudonym = async () => "0".repeat(32);
const cache = createTenantCache({
  tenant: (req) => req.auth?.tenantId,
  logger: { info() {}, warn() {}, error() {} },
});
const closing: (() => unknown)[] = [];
const served = await Promise.all(SUBJECTS.map(serve));
const runs = new Map<string, { perSecond: number; p99Ms: number }[]>();

// In turns, so that what the machine does beside it meets all of them.
for (let round = 0; round < rounds; round++) {
  for (const connections of CONNECTIONS) {
    for (const { name, url } of served) {
      const { requests, latency, non2xx, errors } = await autocannon({ url, connections, duration: seconds });
      if (non2xx + errors > 0) throw new Error(`${name}: ${non2xx} answers were no 200, ${errors} errors`);
      const key = `${connections} ${name}`;
      const perSecond = requests.total / seconds;
      runs.set(key, [...(runs.get(key) ?? []), { perSecond, p99Ms: latency.p99 }]);
    }
  }
}

const [cpu] = os.cpus();
console.log(
  `${os.cpus().length} x ${cpu?.model.trim()}, Node ${process.version}, PostgreSQL with fsync; load ${os.loadavg()[0]?.toFixed(1)}`,
);
console.log(
  `median of ${rounds} runs of ${seconds} s each; hits of cacheList, in-process store, client in the same process\n`,
);
for (const connections of CONNECTIONS) {
  const table = new Table({
    style: { head: [], border: [] },
    head: [`${connections} connections`, "requests/s", "added µs per read", "p99 ms", "lost"],
  });
  const base = medianOf(connections, SUBJECTS[0]?.name ?? "");
  for (const { name, trail } of served) {
    const { perSecond, p99Ms } = medianOf(connections, name);
    // Of the throughput: with one connection it is the time that a reader waits longer.
    const added = 1e6 / perSecond - 1e6 / base.perSecond;
    table.push([
      name,
      Math.round(perSecond).toLocaleString("en"),
      name === SUBJECTS[0]?.name ? "-" : Math.round(added).toLocaleString("en"),
      p99Ms.toFixed(1),
      trail?.recorder.figures.lost ?? "-",
    ]);
  }
  console.log(table.toString());
}
for (const close of closing.reverse()) await close();
await cache.close();
await pool.end();
await postgres.stop();
rmSync(folder, { recursive: true, force: true });

async function serve({ name, mode, groups }: Subject) {
  const tenantId = randomUUID();
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, $2)", [tenantId, name]);
  const trail = mode && new AuditTrail({ pool, pseudonym, group: { groups, maxWaitMs: 10_000 } });
  if (trail) {
    closing.push(() => trail.close());
    await withTenant(pool, tenantId, (client) =>
      trail.recorder.policies.write(
        client,
        tenantId,
        "business",
        { mode, retention_days: 2192, purposes_without_consent: ["TREAT"] },
        "measurement",
      ),
    );
  }
  const app = express();
  app.use((req, _res, next) => {
    req.auth = { subject: "reader", role: "viewer", tenantId, expiresAtMs: Number.MAX_SAFE_INTEGER };
    next();
  });
  const recorded = trail
    ? [
        auditedRoute({
          trail,
          event: () => ({
            action: "read",
            entityType: "letters",
            entityId: "all",
            dataClass: "business",
            purpose: "TREAT",
          }),
        }),
      ]
    : [];
  app.get(
    "/letters",
    ...recorded,
    cache.cacheList("letters", { ttlSeconds: 3600, scope: AUDITED_SCOPE }),
    (_req, res) => {
      res.json(BODY);
    },
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return { name, trail, url: `http://127.0.0.1:${port}/letters` };
}

function medianOf(connections: number, name: string) {
  const all = runs.get(`${connections} ${name}`) ?? [];
  const sorted = all.toSorted((one, other) => one.perSecond - other.perSecond);
  const run = sorted[Math.floor(sorted.length / 2)];
  if (!run) throw new Error(`${name} was not measured`);
  return run;
}
