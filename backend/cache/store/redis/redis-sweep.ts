// Reclaims entries that fences have cut off: from the indexes of dead generations, and, for what none lists, by a walk through all keys.
import type { KeySpace } from "../key-space.js";
import type { SweepTarget } from "../store.js";
import { scanKeys } from "./keyspace-scan.js";
import type { RedisClient } from "./redis-client.js";
import { PacedSteps, UNNOTICED } from "./server-pace.js";
import type { Servers } from "./servers.js";
import { SweepLease } from "./sweep-lease.js";

/** Entries removed in one step. A string's memory is freed by the thread that serves, also after UNLINK. */
const STEP_ENTRIES = 50;
/** Keys looked at in one step of a walk: about as much work. */
const PAGE_KEYS = 250;

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

  /** Removes what the indexes of dead generations list, but for what the live one lists too: that was filled since. */
  indexes(targets: readonly SweepTarget[]): Promise<number | undefined> {
    return this.#underLease("indexes", async (sweep) => {
      let removed = 0;
      for (const target of targets) {
        const names = await sweep.steps.run(() =>
          this.#client.zrange(this.#keys.generations(target.tenant), 0, -1),
        );
        for (const name of names) {
          const module = name.slice(0, name.indexOf(":"));
          if (target.module !== undefined && target.module !== module) continue;
          removed += await this.#emptyIndex(target.tenant, module, name.slice(module.length + 1), sweep);
        }
      }
      return removed;
    });
  }

  /** One walk serves all targets: removes what no index of a live generation lists. */
  keyspace(targets: readonly SweepTarget[]): Promise<number | undefined> {
    const wanted = new Set(
      targets.map(({ tenant, module }) => (module === undefined ? tenant : `${tenant}:${module}`)),
    );
    return this.#underLease("keyspace", async (sweep) => {
      let removed = 0;
      const found = new Map<string, string[]>();
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
            removed += await this.#removeDead(place, entryKeys.splice(0), sweep);
        }
      }
      for (const [place, entryKeys] of found) removed += await this.#removeDead(place, entryKeys, sweep);
      return removed;
    });
  }

  async #emptyIndex(
    tenant: string,
    module: string,
    generation: string,
    { lease, steps }: Sweep,
  ): Promise<number> {
    const [tenantFence, moduleFence] = this.#fencesOf(tenant, module);
    const index = this.#keys.index(tenant, module, generation);
    const keys = [tenantFence, moduleFence, this.#keys.generations(tenant), index] as const;
    const args = [this.#keys.index(tenant, module, ""), module, generation, STEP_ENTRIES];
    const step = () => this.#servers.run(keys[0], (link) => link.script("sweepIndex", keys, args));
    let removed = 0;
    for (let hasMore = true; hasMore; ) {
      await lease.keep();
      const [some, more] = (await steps.run(step)) as (number | string)[];
      removed += Number(some);
      hasMore = Number(more) === 1;
    }
    return removed;
  }

  async #removeDead(place: string, entryKeys: readonly string[], { steps }: Sweep): Promise<number> {
    if (entryKeys.length === 0) return 0;
    const [tenant = "", module = ""] = place.split(":");
    const fenceKeys = this.#fencesOf(tenant, module);
    const keys = [...fenceKeys, ...entryKeys];
    const args = [this.#keys.index(tenant, module, "")];
    const step = () => this.#servers.run(fenceKeys[0], (link) => link.script("sweepEntries", keys, args));
    return Number(await steps.run(step));
  }

  #fencesOf(tenant: string, module: string): [string, string] {
    return [this.#keys.fence(tenant), this.#keys.fence(tenant, module)];
  }

  async #underLease(
    kind: "indexes" | "keyspace",
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
      return await work({ lease, steps: new PacedSteps(UNNOTICED, signal) });
    } finally {
      signal.removeEventListener("abort", release);
      release();
    }
  }
}

function commonPrefix(keys: KeySpace, targets: readonly SweepTarget[]): string {
  const [first, ...others] = targets;
  if (!first || others.length > 0) return keys.allEntries();
  return first.module === undefined ? keys.tenant(first.tenant) : keys.module(first.tenant, first.module);
}
