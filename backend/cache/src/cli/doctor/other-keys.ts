// Whose keys are on the server: the cache's own, another cache's under another prefix, and others. A sample by SCAN, by beginnings alone.
// Tests: test/unit/cli-doctor.test.ts, test/integration/cli-doctor.test.ts
import { printable } from "../../printable.js";
import { messageOf } from "../../store/redis/error-messages.js";
import { KEY_FAMILIES } from "../../store/redis/least-user.js";
import { countText } from "../quantities-text.js";
import { isForbidden, type RedisNode } from "../redis-access.js";
import type { Finding } from "./finding.js";

const MOST_KEYS = 10_000;
const PAGE_KEYS = 1000;
const FAMILY = new RegExp(`^(.*?)(?:${KEY_FAMILIES.join("|")}):`, "s");

export interface SampledKeys {
  readonly seen: number;
  readonly own: number;
  /** By prefix, keys that look as this cache's do. */
  readonly otherPrefixes: ReadonlyMap<string, number>;
  /** By what stands in front of the first colon. */
  readonly others: ReadonlyMap<string, number>;
}

export function sortKeys(keys: Iterable<string>, prefix: string): SampledKeys {
  const [otherPrefixes, others] = [new Map<string, number>(), new Map<string, number>()];
  let [seen, own] = [0, 0];
  for (const key of keys) {
    seen += 1;
    const found = FAMILY.exec(key)?.[1];
    if (found === prefix) own += 1;
    else if (found !== undefined && /^[\w.:-]*$/.test(found)) count(otherPrefixes, found);
    else count(others, beginningOf(key));
  }
  return { seen, own, otherPrefixes, others };
}

export async function judgeKeys(node: RedisNode, prefix: string): Promise<Finding | undefined> {
  const keys = new Set<string>();
  try {
    let cursor = "0";
    do {
      const [next, page] = (await node.call("scan", cursor, "count", PAGE_KEYS)) as [string, string[]];
      cursor = String(next);
      for (const key of page) keys.add(key);
    } while (cursor !== "0" && keys.size < MOST_KEYS);
  } catch (error) {
    // Told among the rights.
    if (isForbidden(messageOf(error)) || /unknown command/i.test(messageOf(error))) return undefined;
    throw error;
  }
  return { ...judgeSample(sortKeys(keys, prefix), prefix), node: node.address };
}

export function judgeSample(sample: SampledKeys, prefix: string): Omit<Finding, "node"> {
  const { seen, own, otherPrefixes, others } = sample;
  if (own === 0 && otherPrefixes.size > 0) {
    const [found = ""] = mostOf(otherPrefixes);
    return {
      id: "keys",
      severity: "warning",
      says: `no key ${prefix === "" ? "without a prefix" : `under ${prefix}`}, and ${countText(otherPrefixes.get(found))} ${found === "" ? "without one" : `under ${found}`}`,
      means: "another prefix than the app's was given: what commands show and purge is not what the app uses",
      write: found === "" ? "leave --prefix (or CACHE_KEY_PREFIX) out" : `--prefix ${found}`,
    };
  }
  const foreign = [...others.values(), ...otherPrefixes.values()].reduce((sum, each) => sum + each, 0);
  const says = `${countText(own)} of ${countText(seen)} that were looked at are this cache's`;
  if (foreign === 0) return { id: "keys", severity: "ok", says };
  const names = [...mostOf(others).slice(0, 5), ...mostOf(otherPrefixes).map((name) => `${name}tenant:`)];
  return {
    id: "keys",
    severity: "info",
    says: `${says}; others begin with ${names.join(", ")}`,
    means: "who fills the server has the others' keys evicted, and FLUSHDB takes them, too",
    write: "a Redis, a database or a keyPrefix for each app; never FLUSHDB here",
  };
}

/** Behind it may be anything, secrets among them. */
function beginningOf(key: string): string {
  const beginning = /^[^:]{1,40}:/.exec(key)?.[0];
  return beginning === undefined ? "(no colon)" : printable(beginning);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function mostOf(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
}
