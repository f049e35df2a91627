// Two processes' caches on one store, and a hand that writes into it past both.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { sharedRedisUrl } from "../../../servers/index.js";
import { MemoryStore, type TenantCache, type TenantCacheOptions } from "../../src/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { openCache, type StoreName } from "./caches.js";

const MIB = 1024 * 1024;
const TTL_MS = 60_000;

export interface ForgeableStore {
  /** Fills the store. */
  readonly writer: TenantCache;
  /** Reads what somebody may have changed meanwhile. */
  readonly reader: TenantCache;
  readonly keys: KeySpace;
  /** Puts bytes in the place of those that the writer stored last, under the fences of its tenant and module. */
  forge(change: (stored: Buffer) => Buffer): Promise<void>;
  close(): Promise<void>;
}

export async function openForgeableStore(
  store: StoreName,
  options: Partial<TenantCacheOptions> = {},
): Promise<ForgeableStore> {
  const keyPrefix = `test:${randomUUID()}:`;
  const keys = new KeySpace(keyPrefix, false);
  const memory = new MemoryStore({ maxBytes: 64 * MIB, maxTenantBytes: 64 * MIB });
  const place = store === "memory" ? { store: () => memory } : {};
  const [writer, reader] = await Promise.all([
    openCache(store, { keyPrefix, ...place, ...options }),
    openCache(store, { keyPrefix, ...place, ...options }),
  ]);
  const redis = store === "memory" ? undefined : new Redis(await sharedRedisUrl());
  let last = { tenant: "", module: "", key: "" };
  writer.events.on("stored", ({ tenant = "", module, key = "" }) => {
    last = { tenant, module, key };
  });

  async function forge(change: (stored: Buffer) => Buffer): Promise<void> {
    const { tenant, module, key } = last;
    if (redis) {
      const stored = await redis.getBuffer(key);
      if (!stored) throw new Error("nothing is stored");
      await redis.set(key, change(Buffer.from(stored)), "PX", TTL_MS);
      return;
    }
    const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module)];
    const { entries, fences } = await memory.read(fenceKeys, [key]);
    const [stored] = entries;
    if (!stored) throw new Error("nothing is stored");
    const isStored = await memory.commitFill({
      tenant,
      module,
      entryKey: key,
      value: [change(Buffer.from(stored))],
      ttlMs: TTL_MS,
      maxEntries: 100,
      fenceKeys,
      fences: fences.map(String),
      fenceTtlMs: TTL_MS,
    });
    if (!isStored) throw new Error("the fences have changed");
  }

  return {
    writer,
    reader,
    keys,
    forge,
    async close() {
      redis?.disconnect();
      await Promise.all([writer.close(), reader.close()]);
    },
  };
}
