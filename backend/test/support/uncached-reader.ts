// What the routes say without a cache: the same app over the same database, with a cache that is emptied before every read.
import supertest from "supertest";
import { openCache } from "./caches.js";
import type { Crm } from "./crm.js";

/** Resolves with a function that reads a path as an admin of the tenant. Its cache is in this process and needs no closing. */
export async function uncachedReader(
  crm: Crm,
  tenantId: string,
): Promise<(path: string) => Promise<unknown>> {
  const cache = await openCache("memory", { tenant: (req) => req.auth?.tenantId });
  const app = crm.twin({ cache });
  const token = await crm.token("admin", tenantId);
  return async (path) => {
    await cache.invalidateAllTenant(tenantId);
    const answer = await supertest(app).get(path).set("Authorization", `Bearer ${token}`).expect(200);
    return answer.body;
  };
}
