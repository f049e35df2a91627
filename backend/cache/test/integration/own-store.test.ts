// A store of one's own behind an app: `settleMs` and `guard` keep what they say, and only what the contract names decides anything.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { afterAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { setClock } from "../../../servers/in-test.js";
import {
  createTenantCache,
  MemoryStore,
  type Store,
  type TenantCache,
  type TenantCacheOptions,
} from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

const example = (await import(pathToFileURL(projectFile("docs", "examples", "custom-store.js")).href)) as {
  readonly DiskStore: new () => Store;
  readonly cache: TenantCache;
};
afterAll(() => example.cache.close());

const MIB = 1024 * 1024;
const inMemory = () => new MemoryStore({ maxBytes: 16 * MIB, maxTenantBytes: 4 * MIB });
/** As somebody writes it who has only read the types. */
const labelled = (store: Store, changes: Partial<Record<keyof Store, unknown>>): Store =>
  Object.assign(store, changes);

function cacheOn(store: () => Store, more: Partial<TenantCacheOptions> = {}): TenantCache {
  return createTenantCache({
    store,
    tenant: (req) => req.get("x-tenant"),
    budgetMs: 10_000,
    logger: quiet,
    ...more,
  });
}

async function withApp(
  cache: TenantCache,
  build: Parameters<typeof serve>[0],
  work: (app: HttpApp) => Promise<void>,
): Promise<void> {
  const app = await serve(build);
  try {
    await work(app);
  } finally {
    await app.close();
    await cache.close();
  }
}

describe("the store of docs/examples behind an app", () => {
  test("hits, an invalidation, and another tenant's own entry", async () => {
    const cache = cacheOn(() => new example.DiskStore());
    let runs = 0;
    const build: Parameters<typeof serve>[0] = (app) => {
      app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json(++runs));
      app.post("/notes", cache.invalidateCache("notes"), (_req, res) => res.sendStatus(201));
    };
    await withApp(cache, build, async (app) => {
      const read = async (tenant: string) => {
        const { body, cache: status } = await app.request("/notes", { tenant });
        await cache.idle();
        return `${body} ${status}`;
      };
      assert.deepEqual([await read("a"), await read("a")], ["1 fwd=miss; stored", "1 hit"]);
      assert.equal(await read("b"), "2 fwd=miss; stored");
      await app.request("/notes", { method: "POST", tenant: "a" });
      await cache.idle();
      assert.deepEqual([await read("a"), await read("b")], ["3 fwd=miss; stored", "2 hit"]);
      const { store, totals } = await cache.stats();
      assert.deepEqual([store.kind, store.sweptKeys, totals.entries], ["disk", 1, 2]);
    });
  });

  test("settleMs: what is read sooner than that after a change is not stored, and later it is", async () => {
    const cache = cacheOn(() => new example.DiskStore());
    const build: Parameters<typeof serve>[0] = (app) => {
      const route = cache.cacheList("notes", { ttlSeconds: 600, settleMs: 60_000 });
      app.get("/notes", route, (_req, res) => res.json([]));
      app.post("/notes", cache.invalidateCache("notes"), (_req, res) => res.sendStatus(201));
    };
    await withApp(cache, build, async (app) => {
      const read = async () => {
        const { cache: status } = await app.request("/notes");
        await cache.idle();
        return status;
      };
      const startMs = Date.now();
      setClock(startMs);
      assert.match(await read(), /^fwd=\w+(?!.*stored)/);
      setClock(startMs + 61_000);
      assert.deepEqual([await read(), await read()], ["fwd=miss; stored", "hit"]);
      await app.request("/notes", { method: "POST" });
      assert.match(await read(), /^fwd=\w+(?!.*stored)/);
    });
  });

  test("guard: while a guarded mutation is under way nothing is served or stored", async () => {
    const cache = cacheOn(() => new example.DiskStore());
    const begun = gate();
    const release = gate();
    const build: Parameters<typeof serve>[0] = (app) => {
      app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json([]));
      const guarded = cache.invalidateCache({ modules: ["notes"], guard: true });
      app.post("/notes", guarded, async (_req, res) => {
        begun.open();
        await release.passed;
        res.sendStatus(201);
      });
    };
    await withApp(cache, build, async (app) => {
      const read = async () => {
        const { cache: status } = await app.request("/notes");
        await cache.idle();
        return status;
      };
      assert.deepEqual([await read(), await read()], ["fwd=miss; stored", "hit"]);
      const mutation = app.request("/notes", { method: "POST" });
      await begun.passed;
      for (let reads = 0; reads < 3; reads++) assert.match(await read(), /write-pending/);
      release.open();
      await mutation;
      assert.deepEqual([await read(), await read()], ["fwd=miss; stored", "hit"]);
    });
  });
});

describe("what a store leaves out", () => {
  const part = { code: "ETC_STORE_PART" };

  test("values by key: the manager refuses to be used, and says what is lacking", async () => {
    const cache = cacheOn(() => new example.DiskStore());
    for (const call of [() => cache.manager.tenant("acme"), () => cache.manager.collection("users:{id}")])
      assert.throws(call, {
        ...part,
        message: /manager\.\w+ needs what the store "disk" leaves out: .*keyed/,
      });
    await cache.close();
  });

  test("a bound of bytes: one that was asked for is refused, the default bounds nothing", async () => {
    const stores: Store[] = [];
    const open = () => {
      const store = new example.DiskStore();
      stores.push(store);
      return store;
    };
    assert.throws(() => cacheOn(open, { maxBytesPerTenant: 1000 }), {
      ...part,
      message: /maxBytesPerTenant needs .*tenantBytes/,
    });
    const cache = cacheOn(open, { maxBytesPerTenant: Number.POSITIVE_INFINITY });
    const { maxBytesPerTenant, quotaBytes } = await cache.stats({ tenantId: "acme" });
    assert.deepEqual([maxBytesPerTenant, quotaBytes], [null, null]);
    await cache.close();
    await Promise.all(stores.map((store) => store.close()));
  });

  test("a sweep: what is cut off is a miss, and invalidations go through", async () => {
    const cache = cacheOn(() => labelled(inMemory(), { sweep: undefined }));
    const build: Parameters<typeof serve>[0] = (app) => {
      app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json([]));
    };
    await withApp(cache, build, async (app) => {
      const read = async () => (await app.request("/notes")).cache;
      assert.deepEqual([await read(), await read()], ["fwd=miss; stored", "hit"]);
      assert.equal(await cache.invalidateTenantCache("tenant-1", "notes"), true);
      assert.equal(await cache.invalidateAllTenant("tenant-1"), true);
      await cache.idle();
      assert.deepEqual([await read(), await read()], ["fwd=miss; stored", "hit"]);
      assert.equal(cache.health().pendingSweeps, 0);
    });
  });
});

describe("a store's kind is a label", () => {
  /** Which entries the store is asked for once the cache may have its own copy. */
  async function askedFor(store: Store): Promise<readonly string[]> {
    const asked: string[] = [];
    const { read } = store;
    labelled(store, {
      read: (fenceKeys: readonly string[], entryKeys: readonly string[], onLoan?: boolean) => {
        asked.push(...entryKeys);
        return read.call(store, fenceKeys, entryKeys, onLoan);
      },
    });
    const cache = cacheOn(() => store);
    const build: Parameters<typeof serve>[0] = (app) => {
      app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json([]));
    };
    await withApp(cache, build, async (app) => {
      for (let hits = 0; hits < 4; hits++) {
        await app.request("/notes");
        await cache.idle();
      }
      assert.equal((await app.request("/notes")).cache, "hit");
    });
    return asked;
  }

  test("copies are kept beside a store that does not hold its entries in memory, whatever it is called", async () => {
    assert.deepEqual(await askedFor(labelled(inMemory(), { kind: "memory", holdsInMemory: false })), []);
    assert.notEqual((await askedFor(labelled(inMemory(), { kind: "disk" }))).length, 0);
  });

  test("one of several processes is warned where the store is private, whatever it is called", async () => {
    const told = async (changes: Partial<Record<keyof Store, unknown>>) => {
      const lines: string[] = [];
      process.env.NODE_APP_INSTANCE = "1";
      try {
        const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
        await cacheOn(() => labelled(inMemory(), changes), { logger }).close();
      } finally {
        delete process.env.NODE_APP_INSTANCE;
      }
      return lines.filter((line) => line.includes("instance 1 of several"));
    };
    assert.equal((await told({ kind: "disk" })).length, 1);
    assert.deepEqual(await told({ kind: "memory", isPrivate: false }), []);
  });
});
