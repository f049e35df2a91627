// Stores with one protection taken away: decorators, so that no switch exists in the library itself.
import { decodeEntry, encodeEntry } from "../src/codec/entry.js";
import { joinFences } from "../src/engine/fences.js";
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

/** The store without the protection; the same store where the protection is none of a store's. */
export function weaken(store: Store, without: Protection | undefined): Store {
  if (without === "compare-and-set") return replacing(store, storeWhateverHappened(store));
  if (without === "fence-check") return replacing(store, believeEveryEntry(store));
  if (without === "run-id") return replacing(store, oneServerForEver(store));
  // Neither told by Sentinel (the client's options) nor asking it.
  if (without === "failover-news") return replacing(store, { renew: () => false });
  return store;
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
      const value = encodeEntry({ ...entry, fences: joinFences(runId, current) });
      return store.commitFill({ ...commit, value, fences: current });
    },
  };
}

/**
 * Has entries carry the fences that are current, whichever they were made under. Only for a process without
 * entries of its own beside the store. Which fences an entry depends on is learnt from fills.
 */
function believeEveryEntry(store: Store): Methods {
  const dependsOn = new Map<string, readonly string[]>();
  return {
    async read(fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Snapshot> {
      const snapshot = await store.read(fenceKeys, entryKeys);
      const current = new Map(fenceKeys.map((key, index) => [key, snapshot.fences[index] ?? ""]));
      const entries = snapshot.entries.map((bytes, index) => {
        const keys = dependsOn.get(entryKeys[index] ?? "");
        if (!keys) return bytes;
        const fences = keys.map((key) => current.get(key) ?? "");
        return carrying(bytes, joinFences(snapshot.runId, fences));
      });
      return { ...snapshot, entries };
    },
    beginFill: async (request: FillRequest): Promise<FillStart> => {
      dependsOn.set(request.entryKey, request.fenceKeys);
      const start = await store.beginFill(request);
      if (!request.lease?.unlessStored) return start;
      return { ...start, entry: carrying(start.entry, joinFences(start.runId, start.fences)) };
    },
  };
}

function carrying(bytes: Buffer | null, fences: string): Buffer | null {
  const entry = bytes && decodeEntry(bytes);
  return entry ? Buffer.concat(encodeEntry({ ...entry, fences })) : bytes;
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
