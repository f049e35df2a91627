// The store that the options of a cache name: of the user's own, Redis, or this process's memory.
// Tests: test/unit/refusals/cache-options.test.ts, test/integration/own-store.test.ts
import { TenantCacheError } from "../errors.js";
import { isThenable, shown } from "../shown.js";
import { KeySpace } from "../store/key-space.js";
import { MemoryStore } from "../store/memory-store.js";
import { connect } from "../store/redis/connect.js";
import { isClusterClient } from "../store/redis/redis-client.js";
import { RedisStore } from "../store/redis/redis-store.js";
import type { Store } from "../store/store.js";
import type { ParsedCacheOptions } from "./cache-options.js";

/**
 * A store, and the names of the keys in it.
 * @internal
 */
export interface OpenStore {
  readonly store: Store;
  readonly keys: KeySpace;
}

/**
 * The store that the options name.
 * @internal
 */
export function openStore(options: ParsedCacheOptions): OpenStore {
  if (options.store) {
    const keys = new KeySpace(options.keyPrefix, false);
    return { store: ownStore(options.store, keys), keys };
  }
  if (options.redis === undefined) {
    const { maxBytes } = options.memory;
    return {
      store: new MemoryStore({ maxBytes, maxTenantBytes: memoryShareOf(options) }),
      keys: new KeySpace(options.keyPrefix, false),
    };
  }
  const connection = connect(options.redis);
  const keys = new KeySpace(options.keyPrefix, isClusterClient(connection.client));
  return { store: new RedisStore(connection, keys), keys };
}

/** A store has far more methods: with these, whoever wrote it has meant one. */
const STORE_METHODS = ["listen", "read", "beginFill", "commitFill", "replaceFences"];

function ownStore(make: NonNullable<ParsedCacheOptions["store"]>, keys: KeySpace): Store {
  const isClass = /^class\b/.test(Function.prototype.toString.call(make));
  const made: unknown = isClass ? make : make(keys);
  const missing = STORE_METHODS.filter((name) => typeof Object(made)[name] !== "function");
  if (missing.length === 0) return made as Store;
  // Nobody else waits for it.
  if (isThenable(made)) made.then(undefined, () => undefined);
  const is = isClass ? "store is a class" : `the store function returned ${shown(made)}`;
  const lacks = missing.length < STORE_METHODS.length ? ` without ${missing.join(", ")}` : "";
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `createTenantCache: ${is}${lacks}: write a function that returns a store at once, as in store: (keys) => new MyStore(keys)`,
  );
}

function memoryShareOf({ memory }: ParsedCacheOptions): number {
  return Math.floor(memory.maxBytes * memory.maxTenantShare);
}

/**
 * In process, where a tenant has a share of the store, the smaller of the two.
 * @internal
 */
export function maxTenantBytesOf(options: ParsedCacheOptions): number {
  const { maxBytesPerTenant, redis, store } = options;
  const isInProcess = redis === undefined && store === undefined;
  return isInProcess ? Math.min(maxBytesPerTenant, memoryShareOf(options)) : maxBytesPerTenant;
}
