// Whoever takes one of a kind takes several or refuses the second: nothing that is given is forgotten, through the whole public API.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import * as library from "../../../src/index.js";
import { assertRoutes, verifyRoutes } from "../../../src/testing/index.js";
import { storeContract } from "../../../src/testing/store-contract/index.js";
import { KeyPattern } from "../../../src/toolkit/key-pattern.js";
import { openCache, quiet } from "../../support/caches.js";
import { any, called, refusalOf } from "../../support/refused-calls.js";

const { CacheMonitor, CacheWarmer, createTenantCache } = library;
const options = { tenant: () => "acme", logger: quiet };
const cache = createTenantCache(options);
const { manager } = cache;
const space = manager.tenant("acme");
const things = manager.collection("things:{id}");
const fn = () => undefined;
const params = { id: 1 };

/** Arguments that a call takes: one more is refused. Or why it is not. */
type Taken = readonly unknown[] | "takes several" | "takes none, and ignores what it is given";
const SEVERAL = "takes several";
const NONE = "takes none, and ignores what it is given";

const CALLS: readonly (readonly [name: string, owner: object, taken: Readonly<Record<string, Taken>>])[] = [
  [
    "a cache",
    cache,
    {
      cacheList: ["accounts", { ttlSeconds: 180 }],
      observe: ["accounts", { ttlSeconds: 180 }],
      advice: [],
      invalidateCache: SEVERAL,
      routes: [{ modules: { accounts: { ttlSeconds: 60 } } }],
      lane: [fn, { identify: fn }],
      invalidateTenantCache: SEVERAL,
      invalidateTags: SEVERAL,
      invalidateAllTenant: ["acme"],
      invalidateModule: SEVERAL,
      forget: [{ tenant: "acme", url: "/" }],
      clear: [],
      invalidateTouched: [],
      touched: SEVERAL,
      track: [{ connect: () => undefined, query: () => undefined, totalCount: 0 }],
      transaction: [async () => undefined],
      asTenant: ["acme", async () => undefined],
      because: [{ job: "nightly" }, async () => undefined],
      causes: [{ tenant: "acme" }],
      explain: [{ url: "/" }],
      explained: ["request-1"],
      missReasons: NONE,
      operations: [{ authorize: fn }],
      console: [{ authorize: fn }],
      metrics: [{}],
      metricsHandler: [{ authorize: fn }],
      stats: [{}],
      health: NONE,
      ready: NONE,
      idle: NONE,
      close: NONE,
    },
  ],
  ["a manager", manager, { tenant: ["acme"], collection: ["others:{id}", {}], idle: NONE }],
  [
    "a space",
    space,
    {
      get: ["users:1"],
      mGet: [["users:1"]],
      set: ["users:1", 1, { ttlSeconds: 60 }],
      mSet: [[{ key: "users:1", value: 1 }], { ttlSeconds: 60 }],
      getOrSet: ["users:1", fn, { ttlSeconds: 60 }],
      update: ["users:1", fn, { ttlSeconds: 60 }],
      delete: SEVERAL,
      deletePattern: ["users:*"],
      exists: ["users:1"],
      ttl: ["users:1"],
      increment: ["users:1", 1, {}],
      decrement: ["users:1", 1, {}],
      count: ["users:1"],
      flush: [{}],
      withLock: ["users:1", {}, fn],
      namespace: ["users", { ttlSeconds: 60 }],
    },
  ],
  [
    "a collection",
    things,
    {
      key: [params],
      get: ["acme", params],
      mGet: ["acme", [params]],
      set: ["acme", params, 1, {}],
      mSet: ["acme", [{ params, value: 1 }]],
      getOrSet: ["acme", params, fn],
      lookUp: ["acme", params, fn],
      update: ["acme", params, fn],
      delete: SEVERAL,
      deleteAll: ["acme"],
      deleteMatching: ["acme", params],
      exists: ["acme", params],
      ttl: ["acme", params],
    },
  ],
  [
    "a registry",
    manager.registry,
    { pattern: ["more:{id}"], define: ["most", {}], find: ["users:1"], domains: NONE, list: ["users"] },
  ],
  [
    "a warmer",
    new CacheWarmer(cache),
    { register: ["a", { tenants: fn, entries: fn }], warm: ["a", {}], warmAll: [{}] },
  ],
  [
    "a monitor",
    new CacheMonitor(cache),
    { start: NONE, stop: NONE, sample: NONE, health: NONE, metrics: NONE },
  ],
  [
    "a function of the library",
    library,
    {
      createTenantCache: [options],
      expressServerOptions: [{}],
      paginatedKey: ["a", { page: 1, pageSize: 1 }],
      sortedKey: ["a", { by: "b" }],
      timestampedKey: ["a", new Date(), "day"],
    },
  ],
  [
    "a function for tests",
    { assertRoutes, verifyRoutes, storeContract },
    { assertRoutes: [{}], verifyRoutes: [{}], storeContract: [{}] },
  ],
];

/** Calls that take an object, and that the table cannot show with one. */
const WITH_OBJECTS: readonly (readonly [owner: object, method: string, given: readonly unknown[]])[] = [
  [cache, "invalidateCache", [{ modules: ["accounts"] }]],
  [cache, "touched", [{ tenant: "acme", modules: ["accounts"] }]],
  [things, "delete", ["acme", params]],
  [
    { make: (options: never) => new library.MemoryStore(options) },
    "make",
    [{ maxBytes: 1, maxTenantBytes: 1 }],
  ],
  [{ make: (options: never) => new CacheMonitor(cache, options) }, "make", [{ intervalMs: 1000 }]],
  [{ make: (options: never) => new CacheWarmer(cache, options) }, "make", [{}]],
  [new KeyPattern("users:{id}"), "key", [params]],
  [new KeyPattern("users:{id}"), "match", [params]],
];
/** What they take has names that callers choose, or is of Node. */
const FREE = new Set(["define", "expressServerOptions", "track"]);

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Each of the arguments that is an object, or an array of objects, with a member that no call knows. */
function* withStrays(given: readonly unknown[]): Generator<readonly unknown[]> {
  const stray = (value: object) => ({ ...value, colour: "blue" });
  for (const [at, value] of given.entries()) {
    if (isObject(value)) yield given.with(at, stray(value));
    if (Array.isArray(value) && value.some(isObject)) yield given.with(at, value.map(stray));
  }
}

/** What can be called of an object, but for what it has from Node. */
function methodsOf(owner: object): string[] {
  const isClass = (value: unknown) => /^class\b/.test(String(value));
  const own =
    Object.getPrototypeOf(owner) === Object.prototype || owner === library
      ? owner
      : Object.getPrototypeOf(owner);
  const methods = Object.entries(Object.getOwnPropertyDescriptors(own)).filter(
    ([name, { value }]) => typeof value === "function" && name !== "constructor" && !isClass(value),
  );
  return methods.map(([name]) => name);
}

describe("arguments", () => {
  afterAll(() => cache.close());

  for (const [name, owner, taken] of CALLS) {
    test(`${name}: all calls are in the table`, () => {
      assert.deepEqual(methodsOf(owner).sort(), Object.keys(taken).sort());
    });

    test(`${name}: what is too much is refused`, async () => {
      for (const [method, given] of Object.entries(taken)) {
        if (typeof given === "string") continue;
        const message = await refusalOf(called(owner, method, ...given, "too much"));
        assert.match(message, /^ETC_ARGUMENTS: .*was given "too much", a string, beyond .*: write ./, method);
      }
    });
  }

  test("members of an object that no call knows are refused", async () => {
    let tried = 0;
    const ofTable = CALLS.flatMap(([, owner, taken]) =>
      Object.entries(taken).flatMap(([method, given]) =>
        typeof given === "string" ? [] : ([[owner, method, given]] as const),
      ),
    );
    for (const [owner, method, given] of [...ofTable, ...WITH_OBJECTS]) {
      if (FREE.has(method)) continue;
      for (const wrong of withStrays(given)) {
        const message = await refusalOf(called(owner, method, ...wrong));
        assert.match(message, /colour/, method);
        tried++;
      }
    }
    assert.ok(tried > 40, `${tried}`);
  });

  test("what would fill a gap that is not there is refused, unless it is undefined", () => {
    assert.equal(things.key(any({ id: 1, colour: undefined })), "things:1");
    assert.throws(
      () => things.key(any({ id: 1, colour: "blue" })),
      /ETC_KEY: things:\{id\} has no gap "colour"/,
    );
  });

  test("methods that return promises reject", async () => {
    const promises = [
      called(cache, "invalidateAllTenant", "acme", "b")(),
      called(cache, "stats", {}, "b")(),
      called(space, "get", "users:1", "users:2")(),
      called(things, "get", "acme", params, "b")(),
      called({ verifyRoutes }, "verifyRoutes", {}, "b")(),
    ];
    for (const result of await Promise.allSettled(promises)) assert.equal(result.status, "rejected");
  });

  test("constructors, too", () => {
    assert.throws(() => new CacheMonitor(cache, {}, any("b")), /ETC_ARGUMENTS/);
    assert.throws(() => new CacheWarmer(cache, {}, any("b")), /ETC_ARGUMENTS/);
  });

  test("what is undefined is not given", async () => {
    called(cache, "cacheList", "accounts", 180, undefined)();
    assert.equal(await called(space, "get", "users:1", undefined)(), undefined);
  });

  test("close can be handed on", async () => {
    const other = createTenantCache(options);
    await Reflect.apply(other.close, undefined, ["SIGTERM", 15]);
  });
});

test("invalidateTenantCache invalidates every module that it names", async () => {
  const open = await openCache("memory");
  const tenant = open.manager.tenant("acme");
  const keys = ["accounts:1", "contacts:1", "leads:1"];
  for (const key of keys) await tenant.set(key, 1);
  assert.equal(await open.invalidateTenantCache("acme", "accounts", "contacts"), true);
  assert.deepEqual(await tenant.mGet(keys), [undefined, undefined, 1]);
  await open.close();
});
