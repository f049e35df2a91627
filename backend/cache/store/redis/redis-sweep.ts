// Reclaims entries that fences have cut off: one walk through the keyspace serves all targets.
import { generationOf } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { SweepTarget } from "../store.js";
import { scanKeys } from "./keyspace-scan.js";
import type { RedisClient } from "./redis-client.js";

/** Resolves with the number of keys removed. */
export async function sweepRedis(
  client: RedisClient,
  keys: KeySpace,
  targets: readonly SweepTarget[],
): Promise<number> {
  const wanted = new Set(
    targets.map(({ tenant, module }) => (module === undefined ? tenant : `${tenant}:${module}`)),
  );
  const indexKeys = new Map<string, string>();
  let removed = 0;
  for await (const page of scanKeys(client, commonPrefix(keys, targets))) {
    for (const [place, entryKeys] of groupByModule(keys, page)) {
      const [tenant = "", module = ""] = place.split(":");
      if (!wanted.has(tenant) && !wanted.has(place)) continue;
      const indexKey = indexKeys.get(place) ?? (await liveIndexKey(client, keys, tenant, module));
      indexKeys.set(place, indexKey);
      // Filled since the fences changed: listed in the live generation's index, so spared.
      const scores = await client.zmscore(indexKey, ...entryKeys);
      const dead = entryKeys.filter((_, position) => scores[position] === null);
      if (dead.length > 0) removed += await client.unlink(...dead);
    }
  }
  return removed;
}

function commonPrefix(keys: KeySpace, targets: readonly SweepTarget[]): string {
  const [first, ...others] = targets;
  if (!first || others.length > 0) return keys.allEntries();
  return first.module === undefined ? keys.tenant(first.tenant) : keys.module(first.tenant, first.module);
}

function groupByModule(keys: KeySpace, page: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const key of page) {
    const place = keys.parseEntry(key);
    if (!place) continue;
    const name = `${place.tenant}:${place.module}`;
    const group = groups.get(name);
    if (group) group.push(key);
    else groups.set(name, [key]);
  }
  return groups;
}

async function liveIndexKey(
  client: RedisClient,
  keys: KeySpace,
  tenant: string,
  module: string,
): Promise<string> {
  const fences = await client.mget(keys.fence(tenant), keys.fence(tenant, module));
  return keys.index(tenant, module, generationOf(fences));
}
