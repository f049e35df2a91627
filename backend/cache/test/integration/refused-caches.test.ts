// A cache that is refused when it is made leaves nothing open, wherever it is refused: no connection, no store of one's own, no timer.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { createFeed } from "../../src/feed/index.js";
import { createTenantCache, MemoryStore, type Store, type TenantCacheOptions } from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { redisOfFile } from "../support/redis-of-file.js";

const MIB = 1024 * 1024;
const FAILS = "this meter fails";
const failing = () => {
  throw new Error(FAILS);
};
/** Of OpenTelemetry's API, as far as it is asked: it fails for whoever makes an instrument. */
const meter = new Proxy({}, { get: () => failing }) as never;
const database = { query: () => new Promise<never>(() => undefined) };
const feed = () =>
  createFeed({ database, tables: { accounts: { module: "accounts", tenant: "tenant_id" } } });

describe("a cache that is refused", () => {
  const ofFile = redisOfFile();

  const refusedOnRedis: Record<string, [Partial<TenantCacheOptions>, RegExp]> = {
    "leases without memory": [{ freshness: "leased", local: { maxBytes: 0 } }, /local\.maxBytes is 0/],
    "a meter that fails": [{ telemetry: { meter } }, new RegExp(FAILS)],
    "a meter that fails, behind a feed": [{ telemetry: { meter }, feed: feed() }, new RegExp(FAILS)],
  };
  for (const [name, [options, says]] of Object.entries(refusedOnRedis)) {
    test(`on Redis: ${name}`, async () => {
      const made = () =>
        createTenantCache({ redis: ofFile.server.url, tenant: () => "acme", logger: quiet, ...options });
      assert.throws(made, says);
      // A connection that was begun may still be made, and goes then.
      await ofFile.admin.ping();
      await until("no connection is left", async () => {
        const clients = String(await ofFile.admin.call("CLIENT", "LIST"))
          .trim()
          .split("\n");
        return clients.length === 1;
      });
    });
  }

  /** A store of one's own, without some parts. */
  function lacking(...parts: (keyof Store)[]): {
    readonly store: () => Store;
    readonly closed: () => number;
  } {
    let closed = 0;
    const store = () => {
      const memory: Store = new MemoryStore({ maxBytes: MIB, maxTenantBytes: MIB });
      const close = async () => void closed++;
      const without = Object.fromEntries(parts.map((part) => [part, undefined]));
      return Object.assign(memory, { isInProcess: false, holdsInMemory: false, ...without, close });
    };
    return { store, closed: () => closed };
  }

  const refusedOnOwn: Record<string, [(keyof Store)[], Partial<TenantCacheOptions>, RegExp]> = {
    "a quota that it does not keep": [["tenantBytes"], { maxBytesPerTenant: MIB }, /maxBytesPerTenant/],
    "reservations that it does not keep": [
      ["share"],
      { reservedBytesPerTenant: 1000, maxPooledBytes: MIB },
      /reservedBytesPerTenant/,
    ],
    "leases that it does not give": [[], { freshness: "leased" }, /freshness is "leased"/],
    "a feed that it has no place for": [["feed"], { feed: feed() }, /feed/],
    "a meter that fails": [[], { telemetry: { meter } }, new RegExp(FAILS)],
  };
  for (const [name, [parts, options, says]] of Object.entries(refusedOnOwn)) {
    test(`on a store of one's own: ${name}`, async () => {
      const { store, closed } = lacking(...parts);
      assert.throws(
        () => createTenantCache({ store, tenant: () => "acme", logger: quiet, ...options }),
        says,
      );
      await until("it is closed", () => closed() > 0);
      assert.equal(closed(), 1);
    });
  }
});
