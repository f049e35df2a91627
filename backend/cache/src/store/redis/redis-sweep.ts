// Reclaims entries that fences have cut off: from the indexes of dead generations, and, for what none lists, by a walk through all keys.
// Tests: test/integration/redis-sweep.test.ts, test/integration/sweep-backlog.test.ts
import { monotonicNow } from "../../timers.js";
import type { KeySpace } from "../key-space.js";
import type { SweepTarget } from "../store.js";
import type { BookRepairs } from "./book-repairs.js";
import { scanKeys } from "./keyspace-scan.js";
import type { RedisClient, ScriptArgument } from "./redis-client.js";
import type { ServerLink } from "./server-link.js";
import { BRISK, HURRIED, LEISURELY, type Pace, PacedSteps, UNNOTICED } from "./server-pace.js";
import type { Servers } from "./servers.js";
import { SweepLease } from "./sweep-lease.js";

/** Entries removed in one step. A string's memory is freed by the thread that serves, also after UNLINK. */
const STEP_ENTRIES = 50;
/** Keys looked at in one step of a walk: about as much work. */
const PAGE_KEYS = 250;
/** Targets that are looked at in one step. */
const TARGETS_TOGETHER = 20;
/** More targets than these do not wait for a sweep that goes unnoticed: new ones come faster. */
const BACKLOG = 50;
/** Between two walks, of whatever processes: an hour, and ten times as long as the last one took. */
const MIN_REST_MS = 3_600_000;
const REST_FACTOR = 10;

/** What becomes of entries that no index lists. */
type Mode = "remove" | "adopt";

/** What one sweep goes on with. */
interface Sweep {
  readonly lease: SweepLease;
  readonly steps: PacedSteps;
}

type OnLost = (target: SweepTarget) => void;

export class RedisSweep {
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #repairs: BookRepairs;
  readonly #stopped = new AbortController();

  constructor(client: RedisClient, servers: Servers, keys: KeySpace, repairs: BookRepairs) {
    this.#client = client;
    this.#servers = servers;
    this.#keys = keys;
    this.#repairs = repairs;
  }

  /** Ends sweeps that are under way: they reject. */
  stop(): void {
    this.#stopped.abort();
  }

  /**
   * Removes what the indexes of dead generations list, but for what the live one lists too: that was filled
   * since. The masters of a Cluster are swept beside each other.
   */
  indexes(
    targets: readonly SweepTarget[],
    isAwaited = nobodyWaits,
    onLost: OnLost = () => undefined,
  ): Promise<number | undefined> {
    const pace = targets.length > BACKLOG ? HURRIED : UNNOTICED;
    return this.#underLease("indexes", isAwaited, pace, async (sweep) => {
      const swept = await Promise.allSettled(
        this.#byMaster(targets).map((some) => this.#emptyIndexes(some, onLost, sweep())),
      );
      return swept.reduce((removed, each) => {
        if (each.status === "rejected") throw each.reason;
        return removed + each.value;
      }, 0);
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
    return this.#underLease("keyspace", isAwaited, LEISURELY, async (begin) => {
      if (!(await this.#mayWalk(isAwaited()))) return undefined;
      const beganAtMs = monotonicNow();
      const sweep = begin();
      let removed = 0;
      const found = new Map<string, string[]>();
      const take = (place: string, entryKeys: readonly string[]) => {
        const [tenant = "", module = ""] = place.split(":");
        const modes = [wanted.get(tenant), wanted.get(place)];
        return this.#reclaim(tenant, module, entryKeys, modes.includes("remove") ? "remove" : "adopt", sweep);
      };
      const masters = [...new Set(targets.map(({ tenant }) => this.#masterOf(tenant)))];
      const options = { pageKeys: PAGE_KEYS, steps: sweep.steps, masters };
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
      await this.#restFrom(monotonicNow() - beganAtMs);
      return removed;
    });
  }

  /** Whether the last walk, of whatever process, is long enough ago, or somebody waits for this one. */
  async #mayWalk(isAwaited: boolean): Promise<boolean> {
    const key = this.#keys.walkRest();
    const only = isAwaited ? [] : ["NX"];
    const set = ({ client }: ServerLink) => client.set(key, "1", "PX", MIN_REST_MS, ...only);
    return (await this.#servers.run(key, set)) !== null;
  }

  async #restFrom(tookMs: number): Promise<void> {
    const key = this.#keys.walkRest();
    const restMs = Math.ceil(Math.max(MIN_REST_MS, REST_FACTOR * tookMs));
    await this.#servers.run(key, ({ client }) => client.set(key, "1", "PX", restMs));
  }

  #masterOf(tenant: string): RedisClient {
    return this.#servers.of(this.#keys.generations(tenant)).client;
  }

  #byMaster(targets: readonly SweepTarget[]): readonly (readonly SweepTarget[])[] {
    const groups = new Map<RedisClient, SweepTarget[]>();
    for (const target of targets) {
      const master = this.#masterOf(target.tenant);
      const group = groups.get(master);
      if (group) group.push(target);
      else groups.set(master, [target]);
    }
    return [...groups.values()];
  }

  async #emptyIndexes(targets: readonly SweepTarget[], onLost: OnLost, sweep: Sweep): Promise<number> {
    let removed = 0;
    for (let from = 0; from < targets.length; from += TARGETS_TOGETHER) {
      const some = targets.slice(from, from + TARGETS_TOGETHER);
      const listed = await sweep.steps.run(() =>
        Promise.all(some.map(({ tenant }) => this.#generationsOf(tenant))),
      );
      for (const [index, { tenant, module }] of some.entries())
        for (const name of listed[index] ?? [])
          if (module === undefined || module === moduleOf(name))
            removed += await this.#emptyIndex(tenant, name, onLost, sweep);
    }
    return removed;
  }

  #generationsOf(tenant: string): Promise<readonly string[]> {
    const list = () => this.#client.zrange(this.#keys.generations(tenant), 0, -1);
    return this.#repairs.around(tenant, [], list);
  }

  /** @param name of a generation, as the tenant's generations list it */
  async #emptyIndex(tenant: string, name: string, onLost: OnLost, { lease, steps }: Sweep): Promise<number> {
    const module = moduleOf(name);
    const generation = name.slice(name.indexOf(":") + 1);
    const args = [this.#keys.indexes(tenant), module, generation, name, STEP_ENTRIES];
    const step = () => this.#script("sweepIndex", { tenant, module }, args);
    let removed = 0;
    for (let hasMore = true; hasMore; ) {
      await lease.keep();
      const [some, more, lost] = (await steps.run(step)) as (number | string)[];
      removed += Number(some);
      if (Number(lost) === 1) onLost({ tenant, module });
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
    const args = [this.#keys.indexes(tenant), module, mode === "adopt" ? "1" : ""];
    return Number(await steps.run(() => this.#script("sweepEntries", { tenant, module }, args, entryKeys)));
  }

  async #audit({ tenant, module }: SweepTarget, sweep: Sweep): Promise<void> {
    const modules =
      module === undefined
        ? (await sweep.steps.run(() => this.#generationsOf(tenant))).map(moduleOf)
        : [module];
    const prefix = this.#keys.indexes(tenant);
    for (const each of new Set(modules)) {
      for (let rank = 0; rank >= 0; ) {
        await sweep.lease.keep();
        const args = [prefix, each, rank, PAGE_KEYS];
        const step = () => this.#script("auditIndex", { tenant, module: each }, args);
        rank = Number(await sweep.steps.run(step));
      }
    }
  }

  /** With the fences of a place and the tenant's books, which all scripts of the sweep begin with. */
  #script(
    name: "sweepIndex" | "sweepEntries" | "auditIndex",
    { tenant, module }: { readonly tenant: string; readonly module: string },
    args: readonly ScriptArgument[],
    entryKeys: readonly string[] = [],
  ): Promise<unknown> {
    const keys = this.#keys;
    const books = [
      keys.fence(tenant),
      keys.fence(tenant, module),
      keys.generations(tenant),
      keys.ledger(tenant),
    ];
    const step = () =>
      this.#servers.run(keys.fence(tenant), (link) => link.script(name, [...books, ...entryKeys], args));
    return this.#repairs.around(tenant, [module], step);
  }

  async #underLease(
    kind: "indexes" | "keyspace",
    isAwaited: () => boolean,
    unawaited: Pace,
    work: (begin: () => Sweep) => Promise<number | undefined>,
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
      const pace = () => (isAwaited() ? BRISK : unawaited);
      return await work(() => ({ lease, steps: new PacedSteps(pace, signal) }));
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
