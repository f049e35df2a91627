// What tenants hold, from their indexes: found by SCAN, counted without looking at an entry.
// Tests: test/integration/cli-redis.test.ts
import { scanKeys } from "../store/redis/keyspace-scan.js";
import type { RedisAccess } from "./redis-access.js";

export interface ModuleHolding {
  readonly module: string;
  readonly entries: number;
  readonly bytes: number;
}

export interface TenantHolding {
  readonly tenant: string;
  /** Of the live generations. */
  readonly modules: readonly ModuleHolding[];
  readonly entries: number;
  readonly bytes: number;
  /** What a sweep has yet to remove: no request is answered from it. */
  readonly sweepableEntries: number;
}

/** Asked about at a time: others wait for the answers in the server. */
const TENANTS_AT_A_TIME = 20;

/** The tenants that have an index, a page at a time. */
export async function* tenantsOf({ client, keys }: RedisAccess): AsyncGenerator<string[]> {
  const beginning = keys.generations("");
  const plain = beginning.endsWith("{}") ? beginning.slice(0, -1) : beginning;
  const seen = new Set<string>();
  for await (const page of scanKeys(client, plain)) {
    // SCAN may name a key twice.
    const news = page
      .map((key) => key.slice(plain.length).replace(/\}$/, ""))
      .filter((tenant) => !seen.has(tenant) && seen.add(tenant));
    if (news.length > 0) yield news;
  }
}

export async function holdingsOf(access: RedisAccess, tenants: readonly string[]): Promise<TenantHolding[]> {
  const holdings: TenantHolding[] = [];
  for (let from = 0; from < tenants.length; from += TENANTS_AT_A_TIME) {
    const some = tenants.slice(from, from + TENANTS_AT_A_TIME);
    holdings.push(...(await Promise.all(some.map((tenant) => holdingOf(access, tenant)))));
  }
  return holdings;
}

async function holdingOf(access: RedisAccess, tenant: string): Promise<TenantHolding> {
  const { keys } = access;
  const names = (await access.call("zrange", keys.generations(tenant), 0, -1)) as string[];
  const modules = [...new Set(names.map((name) => name.slice(0, name.indexOf(":"))))];
  const fences = await fencesOf(access, tenant, modules);
  const own = fences[0] ?? "";
  const live = new Map(modules.map((module, at) => [`${module}:${own}_${fences[at + 1] ?? ""}`, module]));
  const counted = await Promise.all(
    names.map(async (name) => {
      const index = `${keys.indexes(tenant)}${name}`;
      const [entries, bytes] = await Promise.all([
        access.call("zcard", index),
        access.call("zscore", keys.ledger(tenant), name),
      ]);
      return { name, entries: Number(entries), bytes: Number(bytes ?? 0) };
    }),
  );
  const held = counted.flatMap(({ name, entries, bytes }) => {
    const module = live.get(name);
    return module === undefined || entries === 0 ? [] : [{ module, entries, bytes }];
  });
  return {
    tenant,
    modules: held.sort((one, other) => (one.module < other.module ? -1 : 1)),
    entries: held.reduce((sum, { entries }) => sum + entries, 0),
    bytes: held.reduce((sum, { bytes }) => sum + bytes, 0),
    sweepableEntries: counted.reduce((sum, { name, entries }) => sum + (live.has(name) ? 0 : entries), 0),
  };
}

/** The tenant's fence, then those of modules; empty where one is missing. */
export async function fencesOf(
  access: RedisAccess,
  tenant: string,
  modules: readonly string[],
): Promise<string[]> {
  const { keys } = access;
  const names = [keys.fence(tenant), ...modules.map((module) => keys.fence(tenant, module))];
  const values = (await access.call("mget", ...names)) as (string | null)[];
  return values.map((value) => value ?? "");
}
