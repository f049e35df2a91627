// What the routes say without a cache: the same app over the same database, with a cache that is emptied before every read.
import { pino } from "pino";
import supertest from "supertest";
import { createApp } from "../../app.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import type { Clock } from "../../services/views/calendar.js";
import { openCache } from "./caches.js";
import { type Crm, SECRET } from "./crm.js";

export interface UncachedReaderOptions {
  readonly tenantId: string;
  readonly clock: Clock;
}

/** Resolves with a function that reads a path as an admin of the tenant; its cache needs no closing. */
export async function uncachedReader(
  crm: Crm,
  { tenantId, clock }: UncachedReaderOptions,
): Promise<(path: string) => Promise<unknown>> {
  const cache = await openCache("memory", { tenant: (req) => req.auth?.tenantId });
  const app = createApp({
    pool: crm.pool,
    cache,
    clock,
    verifyToken: createTokenVerifier({ secret: SECRET }),
    logger: pino({ level: "silent" }),
    lifecycle: { draining: false },
    ttlSeconds: { list: 180, detail: 300 },
    rateLimit: { max: 0, windowSeconds: 60 },
  });
  const token = await crm.token("admin", tenantId);
  return async (path) => {
    await cache.invalidateAllTenant(tenantId);
    const answer = await supertest(app).get(path).set("Authorization", `Bearer ${token}`).expect(200);
    return answer.body;
  };
}
