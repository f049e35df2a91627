// The backend that a day is replayed against: the real app over HTTP, on a database of its own, in this process so that its queries can be counted.
import { randomBytes, randomUUID } from "node:crypto";
import { Agent, createServer } from "node:http";
import { type CacheAdvice, createTenantCache, type TenantCache, type TtlPreset } from "express-tenant-cache";
import type { Pool } from "pg";
import { pino } from "pino";
import { createApp } from "../../backend/app.js";
import { createPool } from "../../backend/db/pool.js";
import { drain, listen } from "../../backend/http/http-server.js";
import { Authenticator } from "../../backend/http/identity/authenticator.js";
import { createTokenVerifier } from "../../backend/http/identity/token-verifier.js";
import { DEMO_TENANTS } from "../../backend/seed/index.js";
import { exchange } from "../../backend/servers/exchange.js";
import { issueToken } from "../../backend/services/tokens.js";
import type { ViewReport } from "../../backend/services/views/view-cache.js";
import { countQueries } from "./query-counter.js";
import { PATIENT_CONNECTIONS, type ReplayedOverlay, startReplayedOverlay } from "./replayed-overlay.js";

export interface ReplayedBackend {
  readonly port: number;
  readonly pool: Pool;
  /** Statements sent so far. */
  queries(): number;
  readonly overlay: ReplayedOverlay;
  /** An admin's; or an agent's of the overlay. */
  token(tenantId: string, agentId?: string): Promise<string>;
  /** Has a client change in the other CRM. @returns the webhook that says so */
  webhook(tenantId: string, crmId: string): { to: string; text: string; headers: Record<string, string> };
  /** Warms the tenant as `POST /api/cache/warm` does. */
  warm(tenantId: string): Promise<void>;
  /** Reads and loads of every view so far, and those of the overlay by the first part of their keys ("crm_client"). */
  views(): Promise<readonly ViewReport[]>;
  /** Hits and misses of each module and domain since it began, and what was worked out from its requests. */
  modules(): Promise<Readonly<Record<string, { readonly hits: number; readonly misses: number }>>>;
  advice(): CacheAdvice;
  stop(): Promise<void>;
}

export interface ReplayedBackendOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** TTLs of the services, seconds. */
  readonly ttl: TtlPreset;
  /** How many times shorter the overlay's values live. */
  readonly compression: number;
  /** Nothing is kept: the cache observes. */
  readonly observeOnly: boolean;
  /** Whose clients are synchronised. */
  readonly tenantIds: readonly string[];
}

/** @throws Error where Redis cannot be reached */
export async function startReplayedBackend(options: ReplayedBackendOptions): Promise<ReplayedBackend> {
  const pool = createPool({
    databaseUrl: options.databaseUrl,
    max: PATIENT_CONNECTIONS,
    onError: (line) => console.error(line),
  });
  const queries = countQueries(pool);
  const cache = createTenantCache({
    redis: options.redisUrl,
    tenant: (req) => req.auth?.tenantId,
    keyPrefix: `replay:${randomUUID()}:`,
    // What is counted is what is asked of the database, not how fast a busy machine answers.
    budgetMs: 5000,
    advice: { observeOnly: options.observeOnly },
    logger: pino({ level: "silent" }),
  });
  if (!(await cache.ready())) throw new Error("redis cannot be reached");
  const overlay = await startReplayedOverlay({ ...options, pool, cache });
  const secret = randomBytes(32).toString("base64url");
  const app = createApp({
    pool,
    cache,
    ttl: options.ttl,
    overlay: overlay.overlay,
    sync: overlay.sync,
    authenticator: new Authenticator({ verify: createTokenVerifier({ secret }) }),
    // Why an answer is 500 is in no answer.
    logger: pino({ level: "error" }, pino.destination(2)),
    lifecycle: { draining: false },
    ttlSeconds: { list: 180, count: 60, detail: 300 },
    rateLimit: { max: 0, windowSeconds: 60 },
  });
  const server = createServer(app);
  // A connection that is ended for having been idle may be ended just when it is used again.
  server.keepAliveTimeout = 0;
  const { port } = await listen(server, 0, "127.0.0.1");
  const token = (tenantId: string, agentId?: string) =>
    agentId === undefined
      ? issueToken({ secret, subject: "replay", role: "admin", tenantId })
      : issueToken({ secret, subject: agentId, role: "member", tenantId, overlayRoles: ["agent"] });
  const agent = new Agent();
  const ask = async (method: string, path: string, tenantId: string): Promise<string> => {
    const headers = { authorization: `Bearer ${await token(tenantId)}` };
    const { status, body } = await exchange(agent, port, method, path, headers);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${body}`);
    return body;
  };
  return {
    port,
    pool,
    queries,
    overlay,
    token,
    webhook: (tenantId, crmId) => {
      const link = overlay.sync.link(tenantId, "hubspot");
      if (link?.connection.crm !== "hubspot") throw new Error(`${tenantId} has no other CRM`);
      const to = `/api/sync/webhooks/${link.connection.id}`;
      const { body, headers } = overlay.hubspot.change(
        crmId,
        link.connection.portal_id,
        `http://127.0.0.1:${port}${to}`,
      );
      return { to, text: body, headers: { ...headers } };
    },
    warm: async (tenantId) => void (await ask("POST", "/api/cache/warm", tenantId)),
    views: async () => [
      ...JSON.parse(await ask("GET", "/api/cache/metrics", DEMO_TENANTS[0]?.id ?? "")).views,
      ...(await overlayViews(cache)),
    ],
    modules: async () => (await cache.stats()).modules,
    advice: () => cache.advice(),
    stop: async () => {
      await drain(server, 1000);
      await overlay.stop();
      await cache.close();
      await pool.end();
    },
  };
}

const OVERLAY_KEYS = [
  ...["crm_client", "communication", "client_comms", "task", "client_tasks"],
  ...["document", "client_documents"],
];

async function overlayViews(cache: TenantCache): Promise<ViewReport[]> {
  const { modules } = await cache.stats();
  return OVERLAY_KEYS.map((key) => {
    const { hits = 0, misses = 0 } = modules[key] ?? {};
    return { key: `overlay:${key}`, reads: hits + misses, loads: misses };
  });
}
