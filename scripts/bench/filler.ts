// Entries of other tenants, so that a server holds as many keys as one in production.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { KeySpace } from "../../backend/cache/store/key-space.js";
import { tenantId } from "./workload.js";

export const FILLER_TENANTS = 100;
/** Not those of the workload. */
const FIRST_TENANT = 100_000;
const MODULES = ["accounts", "leads"];
const VALUE_BYTES = 200;
const HOUR_MS = 3_600_000;
const PIPELINED = 5000;

/** What a sweep may be asked to remove. @param index below twice {@link FILLER_TENANTS}; again from the first one then */
export function fillerModule(index: number): { tenant: string; module: string } {
  const tenant = tenantId(FIRST_TENANT + (Math.floor(index / MODULES.length) % FILLER_TENANTS));
  return { tenant, module: MODULES[index % MODULES.length] ?? "" };
}

/** Adds keys until the server's database holds so many, evenly over tenants and modules. */
export async function fillUpTo(redisUrl: string, size: number): Promise<void> {
  const client = new Redis(redisUrl);
  const keys = new KeySpace("", false);
  const value = Buffer.alloc(VALUE_BYTES);
  for (let filled = await client.dbsize(); filled < size; ) {
    const pipeline = client.pipeline();
    for (const end = Math.min(size, filled + PIPELINED); filled < end; filled++) {
      const { tenant, module } = fillerModule(filled);
      pipeline.set(keys.entry(tenant, module, randomUUID()), value, "PX", HOUR_MS);
    }
    await pipeline.exec();
  }
  client.disconnect();
}
