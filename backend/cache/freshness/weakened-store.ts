// Stores with one protection taken away: decorators, so that no switch exists in the library itself.
import { setTimeout as delay } from "node:timers/promises";
import { decodeEntry, encodeEntry } from "../src/codec/entry.js";
import { joinFences, splitFences } from "../src/engine/fences.js";
import type { KeySpace } from "../src/store/key-space.js";
import type { ForgetFences, ReadLease } from "../src/store/read-lease.js";
import type {
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  Snapshot,
  Store,
} from "../src/store/store.js";
import type { Protection } from "./protections.js";

type Methods = Partial<Store>;

const BELIEVED_AFTER_MS = 5;

/**
 * The store without the protection; the same store where the protection is none of a store's.
 *
 * @param keys those of the store
 */
export function weaken(store: Store, keys: KeySpace, without: Protection | undefined): Store {
  if (without === "compare-and-set") return replacing(store, storeWhateverHappened(store));
  if (without === "fence-check") return replacing(store, carryingCurrent(store, everyFence));
  if (without === "answer-tags") return replacing(store, carryingCurrent(store, fenceOfAnyTag));
  if (without === "any-tag") return replacing(store, storeWhicheverTagChanged(store, keys));
  if (without === "run-id") return replacing(store, oneServerForEver(store));
  // Neither told by Sentinel (the client's options) nor asking it.
  if (without === "failover-news") return replacing(store, { renew: () => false });
  if (without === "away-hits") return replacing(store, believedWhileAway(store));
  if (without === "lease-wait") return replacing(store, { untilForgotten: () => undefined });
  if (without === "lease-end") return replacing(store, { leaseReads: (forget) => endless(store, forget) });
  if (without === "lease-forget")
    return replacing(store, { leaseReads: () => store.leaseReads?.(() => undefined) });
  return store;
}

/** A lease that goes on for ever once it has been held. */
function endless(store: Store, forget: ForgetFences): ReadLease | undefined {
  const lease = store.leaseReads?.(forget);
  let sinceMs = Number.POSITIVE_INFINITY;
  return (
    lease && {
      heldSince(nowMs) {
        const heldSinceMs = lease.heldSince(nowMs);
        if (Number.isFinite(heldSinceMs)) sinceMs = heldSinceMs;
        return sinceMs;
      },
    }
  );
}

/**
 * Stores with the fences of the moment of storing, as a cache does that reads its generation when it writes.
 */
function storeWhateverHappened(store: Store): Methods {
  return {
    async commitFill(commit: FillCommit): Promise<CommitResult> {
      const { fences, runId } = await store.read(commit.fenceKeys, []);
      const entry = decodeEntry(Buffer.concat(commit.value));
      const current = fences.filter((fence) => fence !== null);
      if (!entry || current.length < fences.length) return { outcome: "fenced", evicted: 0 };
      const carried = splitFences(entry.fences).fences;
      const named = current.map((fence, index) => `${tagIn(carried[index])}${fence}`);
      const value = encodeEntry({ ...entry, fences: joinFences(runId, named) });
      return store.commitFill({ ...commit, value, fences: current });
    },
  };
}

/** Fills whose answers name tags compare the fences of these alone, which are read when the handler has run. */
function storeWhicheverTagChanged(store: Store, keys: KeySpace): Methods {
  return {
    async commitFill(commit: FillCommit): Promise<CommitResult> {
      const at = commit.fenceKeys.findIndex((key) => keys.isAnyTagFence(key));
      if (at < 0) return store.commitFill(commit);
      const { fences } = await store.read([commit.fenceKeys[at] ?? ""], []);
      return store.commitFill({ ...commit, fences: commit.fences.with(at, fences[0] ?? "") });
    },
  };
}

/** The name of a tag before its fence in an entry, as in `tag=fence`; empty before any other. */
function tagIn(carried = ""): string {
  return carried.slice(0, carried.indexOf("=") + 1);
}

/** Fences of an entry in the place of those it carries; `current` are those that its fill began with, as they are now. */
type Restamp = (carried: string, runId: string, current: readonly string[]) => string;

/** An entry is believed whatever the fences are. */
const everyFence: Restamp = (_carried, runId, current) => joinFences(runId, current);

/** Nobody asks for the fences of an answer's tags while that of any tag is the one that the entry carries. */
const fenceOfAnyTag: Restamp = (carried, _runId, current) => {
  const { runId, fences } = splitFences(carried);
  const at = current.length - 1;
  return fences.length > current.length
    ? joinFences(runId, [...fences.slice(0, at), current[at] ?? "", ...fences.slice(at + 1)])
    : carried;
};

/**
 * Has entries carry fences that are current, whichever they were made under. Only for a process without
 * entries of its own beside the store. Which fences an entry depends on is learnt from fills.
 */
function carryingCurrent(store: Store, restamp: Restamp): Methods {
  const dependsOn = new Map<string, readonly string[]>();
  return {
    async read(fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Snapshot> {
      const snapshot = await store.read(fenceKeys, entryKeys);
      const current = new Map(fenceKeys.map((key, index) => [key, snapshot.fences[index] ?? ""]));
      const entries = snapshot.entries.map((bytes, index) => {
        const keys = dependsOn.get(entryKeys[index] ?? "");
        if (!keys) return bytes;
        const fences = keys.map((key) => current.get(key) ?? "");
        return restamped(bytes, (carried) => restamp(carried, snapshot.runId, fences));
      });
      return { ...snapshot, entries };
    },
    beginFill: async (request: FillRequest): Promise<FillStart> => {
      // The first: those of an answer's tags are asked for later.
      if (!dependsOn.has(request.entryKey)) dependsOn.set(request.entryKey, request.fenceKeys);
      const start = await store.beginFill(request);
      if (!request.lease?.unlessStored) return start;
      return {
        ...start,
        entry: restamped(start.entry, (carried) => restamp(carried, start.runId, start.fences)),
      };
    },
  };
}

function restamped(bytes: Buffer | null, fencesOf: (carried: string) => string): Buffer | null {
  const entry = bytes && decodeEntry(bytes);
  return entry ? Buffer.concat(encodeEntry({ ...entry, fences: fencesOf(entry.fences) })) : bytes;
}

/**
 * Nor is anything repeated on the next server, which a probe does: where all processes live that would cover
 * for the ids.
 */
function oneServerForEver(store: Store): Methods {
  const runId = "the-only-one";
  return {
    ping: async () => void (await store.read(["fence:!probe"], [])),
    read: async (fenceKeys: readonly string[], entryKeys: readonly string[]) => ({
      ...(await store.read(fenceKeys, entryKeys)),
      runId,
    }),
    beginFill: async (request: FillRequest): Promise<FillStart> => ({
      ...(await store.beginFill(request)),
      runId,
    }),
  };
}

/**
 * Fences are believed that this process has read before, where the store lets it wait for them: as if what was confirmed a moment ago
 * were so still.
 */
function believedWhileAway(store: Store): Methods {
  const known = new Map<string, string | null>();
  let runId = "";
  return {
    async read(fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Snapshot> {
      const answer = store.read(fenceKeys, entryKeys);
      if (entryKeys.length > 0) return answer;
      const remember = (snapshot: Snapshot) => {
        runId = snapshot.runId;
        for (const [index, key] of fenceKeys.entries()) known.set(key, snapshot.fences[index] ?? null);
        return snapshot;
      };
      const late = delay(BELIEVED_AFTER_MS, undefined, { ref: false });
      const inTime = await Promise.race([answer.then(remember).catch(() => undefined), late]);
      if (inTime) return inTime;
      if (!fenceKeys.every((key) => known.get(key))) return answer;
      return { runId, fences: fenceKeys.map((key) => known.get(key) ?? null), entries: [] };
    },
  };
}

const ASKING = [
  "read",
  "beginFill",
  "commitFill",
  "replaceFences",
  "beginWrite",
  "endWrite",
  "ping",
] as const;

/** The same store; tells whenever it has answered. */
export function overheard(store: Store, onAnswer: () => void): Store {
  const methods = ASKING.map((name) => {
    const ask = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
    const heard = (...args: unknown[]) => {
      const answer = ask(...args);
      // Before whoever waits for it goes on.
      answer.then(onAnswer, () => undefined);
      return answer;
    };
    return [name, heard] as const;
  });
  return replacing(store, Object.fromEntries(methods) as Methods);
}

/** The same store with other methods in the place of some. */
export function replacing(store: Store, methods: Methods): Store {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      // Methods of the store use its private fields, so they must not run on the proxy.
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
