// Entries of other tenants, so that a server holds as many keys as one in production.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { generationOf, newFence } from "../src/store/fence-token.js";
import { KeySpace } from "../src/store/key-space.js";
import { tenantId } from "./workload.js";

export const FILLER_TENANTS = 100;
/** Not those of the workload. */
const FIRST_TENANT = 100_000;
const MODULES = ["accounts", "leads"];
const VALUE_BYTES = 200;
const HOUR_MS = 3_600_000;
const PIPELINED = 5000;
/** Of fences that no server has: dead from the start, so that a sweep removes what it lists. */
const GENERATION = generationOf([newFence(0), newFence(0)]);

const keys = new KeySpace("", false);

export interface FillerModule {
  readonly tenant: string;
  readonly module: string;
}

/** What a sweep may be asked to remove. @param index below twice {@link FILLER_TENANTS}; again from the first one then */
export function fillerModule(index: number): FillerModule {
  const tenant = tenantId(FIRST_TENANT + (Math.floor(index / MODULES.length) % FILLER_TENANTS));
  return { tenant, module: MODULES[index % MODULES.length] ?? "" };
}

/** Adds keys until the server's database holds so many, evenly over tenants and modules, and listed as fills list theirs. */
export async function fillUpTo(redisUrl: string, size: number): Promise<void> {
  const client = new Redis(redisUrl);
  const value = Buffer.alloc(VALUE_BYTES);
  for (let filled = await client.dbsize(); filled < size; ) {
    const pipeline = client.pipeline();
    const expiresAtMs = Date.now() + HOUR_MS;
    const listed = new Map<string, { readonly of: FillerModule; readonly members: (string | number)[] }>();
    for (const end = Math.min(size, filled + PIPELINED); filled < end; filled++) {
      const of = fillerModule(filled);
      const entryKey = keys.entry(of.tenant, of.module, randomUUID());
      pipeline.set(entryKey, value, "PX", HOUR_MS);
      const indexKey = indexOf(of);
      const list = listed.get(indexKey);
      if (list) list.members.push(expiresAtMs, entryKey);
      else listed.set(indexKey, { of, members: [expiresAtMs, entryKey] });
    }
    for (const [indexKey, { of, members }] of listed) {
      const generationsKey = keys.generations(of.tenant);
      // Twice as long as its entries, as a fill has it.
      pipeline.zadd(indexKey, ...members).pexpire(indexKey, 2 * HOUR_MS);
      pipeline.zadd(generationsKey, expiresAtMs + HOUR_MS, `${of.module}:${GENERATION}`);
      pipeline.pexpire(generationsKey, 2 * HOUR_MS);
    }
    await pipeline.exec();
  }
  client.disconnect();
}

/** How many entries of a module a sweep has to remove. */
export function countListed(client: Redis, of: FillerModule): Promise<number> {
  return client.zcard(indexOf(of));
}

function indexOf({ tenant, module }: FillerModule): string {
  return keys.index(tenant, module, GENERATION);
}
