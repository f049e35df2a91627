// Reclaims entries that fences have cut off: from the indexes of dead generations, and, for what none lists, by a walk through all keys.
import type { KeySpace } from "../key-space.js";
import type { SweepTarget } from "../store.js";
import { scanKeys } from "./keyspace-scan.js";
import type { RedisClient, ScriptArgument } from "./redis-client.js";
import { BRISK, PacedSteps, UNNOTICED } from "./server-pace.js";
import type { Servers } from "./servers.js";
import { SweepLease } from "./sweep-lease.js";

/** Entries removed in one step. A string's memory is freed by the thread that serves, also after UNLINK. */
const STEP_ENTRIES = 50;
/** Keys looked at in one step of a walk: about as much work. */
const PAGE_KEYS = 250;

/** What becomes of entries that no index lists. */
type Mode = "remove" | "adopt";

/** What one sweep goes on with. */
interface Sweep {
  readonly lease: SweepLease;
  readonly steps: PacedSteps;
}

export class RedisSweep {
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #stopped = new AbortController();

  constructor(client: RedisClient, servers: Servers, keys: KeySpace) {
    this.#client = client;
    this.#servers = servers;
    this.#keys = keys;
  }

  /** Ends sweeps that are under way: they reject. */
  stop(): void {
    this.#stopped.abort();
  }

  /**
   * Removes what the indexes of dead generations list, but for what the live one lists too: that was filled
   * since.
   */
  indexes(targets: readonly SweepTarget[], isAwaited = nobodyWaits): Promise<number | undefined> {
    return this.#underLease("indexes", isAwaited, async (sweep) => {
      let removed = 0;
      for (const { tenant, module } of targets) {
        for (const name of await this.#generationsOf(tenant, sweep))
          if (module === undefined || module === moduleOf(name))
            removed += await this.#emptyIndex(tenant, name, sweep);
      }
      return removed;
    });
  }

  /**
   * One walk serves all targets: removes, or lists anew, what no index of a live generation lists. Then what
   * live ones list is looked for in the server: it may have been evicted.
   */
  keyspace(targets: readonly SweepTarget[], isAwaited = nobodyWaits): Promise<number | undefined> {
    // Where a target of either kind names a place, what was cut off there is removed.
    const wanted = new Map<string, Mode>();
    for (const { tenant, module, adopt = false } of targets) {
      const place = module === undefined ? tenant : `${tenant}:${module}`;
      if (!adopt || !wanted.has(place)) wanted.set(place, adopt ? "adopt" : "remove");
    }
    return this.#underLease("keyspace", isAwaited, async (sweep) => {
      let removed = 0;
      const found = new Map<string, string[]>();
      const take = (place: string, entryKeys: readonly string[]) => {
        const [tenant = "", module = ""] = place.split(":");
        const modes = [wanted.get(tenant), wanted.get(place)];
        return this.#reclaim(tenant, module, entryKeys, modes.includes("remove") ? "remove" : "adopt", sweep);
      };
      const options = { pageKeys: PAGE_KEYS, steps: sweep.steps };
      for await (const page of scanKeys(this.#client, commonPrefix(this.#keys, targets), options)) {
        await sweep.lease.keep();
        for (const entryKey of page) {
          const at = this.#keys.parseEntry(entryKey);
          const place = at && `${at.tenant}:${at.module}`;
          if (!at || !place || !(wanted.has(at.tenant) || wanted.has(place))) continue;
          const entryKeys = found.get(place);
          if (!entryKeys) found.set(place, [entryKey]);
          else if (entryKeys.push(entryKey) === STEP_ENTRIES)
            removed += await take(place, entryKeys.splice(0));
        }
      }
      for (const [place, entryKeys] of found) removed += await take(place, entryKeys);
      for (const target of targets) await this.#audit(target, sweep);
      return removed;
    });
  }

  async #generationsOf(tenant: string, { steps }: Sweep): Promise<readonly string[]> {
    return steps.run(() => this.#client.zrange(this.#keys.generations(tenant), 0, -1));
  }

  /** @param name of a generation, as the tenant's generations list it */
  async #emptyIndex(tenant: string, name: string, { lease, steps }: Sweep): Promise<number> {
    const module = moduleOf(name);
    const generation = name.slice(name.indexOf(":") + 1);
    const args = [this.#keys.indexes(tenant), module, generation, name, STEP_ENTRIES];
    const step = () => this.#script("sweepIndex", this.#booksOf(tenant, module), args);
    let removed = 0;
    for (let hasMore = true; hasMore; ) {
      await lease.keep();
      const [some, more] = (await steps.run(step)) as (number | string)[];
      removed += Number(some);
      hasMore = Number(more) === 1;
    }
    return removed;
  }

  async #reclaim(
    tenant: string,
    module: string,
    entryKeys: readonly string[],
    mode: Mode,
    { steps }: Sweep,
  ): Promise<number> {
    if (entryKeys.length === 0) return 0;
    const keys = [...this.#booksOf(tenant, module), ...entryKeys] as const;
    const args = [this.#keys.indexes(tenant), module, mode === "adopt" ? "1" : ""];
    return Number(await steps.run(() => this.#script("sweepEntries", keys, args)));
  }

  async #audit({ tenant, module }: SweepTarget, sweep: Sweep): Promise<void> {
    const modules =
      module === undefined ? (await this.#generationsOf(tenant, sweep)).map(moduleOf) : [module];
    const prefix = this.#keys.indexes(tenant);
    for (const each of new Set(modules)) {
      const keys = this.#booksOf(tenant, each);
      for (let rank = 0; rank >= 0; ) {
        await sweep.lease.keep();
        const args = [prefix, each, rank, PAGE_KEYS];
        rank = Number(await sweep.steps.run(() => this.#script("auditIndex", keys, args)));
      }
    }
  }

  #script(
    name: "sweepIndex" | "sweepEntries" | "auditIndex",
    keys: readonly [string, ...string[]],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    return this.#servers.run(keys[0], (link) => link.script(name, keys, args));
  }

  /** What the scripts of the sweep begin with: the fences of a place, and the tenant's books. */
  #booksOf(tenant: string, module: string): [string, string, string, string] {
    const keys = this.#keys;
    return [keys.fence(tenant), keys.fence(tenant, module), keys.generations(tenant), keys.ledger(tenant)];
  }

  async #underLease(
    kind: "indexes" | "keyspace",
    isAwaited: () => boolean,
    work: (sweep: Sweep) => Promise<number>,
  ): Promise<number | undefined> {
    const lease = new SweepLease(this.#servers, this.#keys.sweepLease(kind));
    if (!(await lease.take())) return undefined;
    let isHeld = true;
    const release = () => {
      if (isHeld) lease.release();
      isHeld = false;
    };
    const { signal } = this.#stopped;
    // At once where the store is closed: its connection is about to go.
    signal.addEventListener("abort", release, { once: true });
    try {
      const pace = () => (isAwaited() ? BRISK : UNNOTICED);
      return await work({ lease, steps: new PacedSteps(pace, signal) });
    } finally {
      signal.removeEventListener("abort", release);
      release();
    }
  }
}

function nobodyWaits(): boolean {
  return false;
}

/** Of a generation's name, which begins with "~" where its index was lost. */
function moduleOf(name: string): string {
  return name.slice(name.startsWith("~") ? 1 : 0, name.indexOf(":"));
}

function commonPrefix(keys: KeySpace, targets: readonly SweepTarget[]): string {
  const [first, ...others] = targets;
  if (!first || others.length > 0) return keys.allEntries();
  return first.module === undefined ? keys.tenant(first.tenant) : keys.module(first.tenant, first.module);
}
