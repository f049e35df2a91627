// Reclaims entries that fences have cut off: one walk through the keyspace serves all targets.
import type { KeySpace } from "../key-space.js";
import type { SweepTarget } from "../store.js";
import { scanKeys } from "./keyspace-scan.js";
import type { RedisClient, ScriptedCommands } from "./redis-client.js";

/** Entries judged in one step: the server is busy with them for well under a millisecond. */
const STEP_KEYS = 250;

/** Entries that the live generation's index lists are spared: they were filled since. Resolves with the number of keys removed. */
export async function sweepRedis(
  client: RedisClient & ScriptedCommands,
  keys: KeySpace,
  targets: readonly SweepTarget[],
): Promise<number> {
  const wanted = new Set(
    targets.map(({ tenant, module }) => (module === undefined ? tenant : `${tenant}:${module}`)),
  );
  let removed = 0;
  for await (const page of scanKeys(client, commonPrefix(keys, targets))) {
    for (const [place, entryKeys] of groupByModule(keys, page)) {
      const [tenant = "", module = ""] = place.split(":");
      if (!wanted.has(tenant) && !wanted.has(place)) continue;
      const fences = [keys.fence(tenant), keys.fence(tenant, module)];
      const indexPrefix = keys.index(tenant, module, "");
      for (let start = 0; start < entryKeys.length; start += STEP_KEYS) {
        const step = [...fences, ...entryKeys.slice(start, start + STEP_KEYS)];
        removed += Number(await client.etcSweep(step.length, ...step, indexPrefix));
      }
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
