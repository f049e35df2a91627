// What the toolkit, its watchers and `verifyRoutes` say of each wrong option and argument.
import { afterAll, describe } from "@jest/globals";
import {
  CacheMonitor,
  CacheWarmer,
  createTenantCache,
  paginatedKey,
  sortedKey,
  timestampedKey,
} from "../../../src/index.js";
import { assertRoutes, verifyRoutes } from "../../../src/testing/index.js";
import { storeContract } from "../../../src/testing/store-contract/index.js";
import { quiet } from "../../support/caches.js";
import { any, testRefusals } from "../../support/refused-calls.js";

const cache = createTenantCache({ tenant: () => "acme", logger: quiet });
const space = cache.manager.tenant("acme");
const fn = () => undefined;
const set = (options: unknown) => () => space.set("users:1", 1, any(options));
const load = (options: unknown) => () => space.getOrSet("users:1", fn, any(options));
const lock = (options: unknown) => () => space.withLock("users:1", any(options), fn);
const namespace = (options: unknown) => () => space.namespace("users", any(options));
const collection = (options: unknown) => () => cache.manager.collection("things:{id}", any(options));
const warmer = (options: unknown) => () => new CacheWarmer(cache, any(options));
const register = (strategy: unknown) => () => new CacheWarmer(cache).register("a", any(strategy));
const warm = (request: unknown) => () => new CacheWarmer(cache).warm("a", any(request));
const monitor = (options: unknown) => () => new CacheMonitor(cache, any(options));
const tenants = [{ headers: { a: "1" } }, { headers: { a: "2" } }];
const routes = [{ path: "/notes" }];
const verify = (options: object) => () => verifyRoutes(any({ app: fn, cache, tenants, routes, ...options }));

describe("what the toolkit refuses", () => {
  afterAll(() => cache.close());

  testRefusals("options of values", [
    [set("60"), 'ttlSeconds is "60", a string: write 60'],
    [set(null), "ttlSeconds is null: write a whole number of seconds"],
    [set({ ttl: 5 }), "no option ttl (5, a number): write ttlSeconds, a whole number of seconds"],
    [set({ ex: 5 }), "no option ex (5, a number): write ttlSeconds"],
    [set({ maxBytes: 5 }), "no option maxBytes (5, a number): it belongs to namespace ~ { maxBytes: … }"],
    [set({ nx: "yes" }), 'nx is "yes", a string: write true or false'],
    [set({ jitter: 5 }), "jitter is 5, a number: write a number from 0 to 1"],
    [set({ ttlSeconds: () => "5" }), 'the ttlSeconds function returned is "5", a string: write 5'],
    [
      () => space.mSet(any([{ key: "users:1", value: 1, ttl: 5 }])),
      "no option ttl (5, a number): write ttlSeconds",
    ],
    [load({ swr: 5 }), "no option swr (5, a number): write staleWhileRevalidate"],
    [load({ negativeTtl: 5 }), "no option negativeTtl (5, a number): write negativeTtlSeconds"],
    [() => space.increment("users:1", 1, any({ ttl: 5 })), "no option ttl (5, a number): write ttlSeconds"],
    [
      () => space.increment("users:1", 1, { ttlSeconds: 0 }),
      "ttlSeconds is 0, a number: ~ a whole number of seconds",
    ],
    [() => space.flush(any(true)), "the options are true: write flush({ force: true })"],
    [() => space.flush(any({ yes: true })), "no option yes (true): write force, true or false"],
    [lock({ ttl: 5 }), "no option ttl (5, a number): write ttlMs, a whole number of milliseconds"],
    [lock({ ttlMs: 5 }), "ttlMs is 5, a number: write a whole number of milliseconds from 100 to 86400000"],
    [lock({ wait: 5 }), "no option wait (5, a number): write waitMs"],
    [lock({ signal: 5 }), "signal is 5, a number: write an AbortSignal"],
    [namespace({ expire: 5 }), "no option expire (5, a number): write ttlSeconds"],
    [namespace({ nx: true }), "no option nx (true): it belongs to set ~ { nx: … }"],
    [namespace({ schema: 5 }), "schema is 5, a number: write a Standard Schema"],
    [namespace({ onTooLarge: "drop" }), 'onTooLarge is "drop", a string: write "throw" or "skip"'],
    [
      namespace({ compressAboveBytes: "1kb" }),
      'compressAboveBytes is "1kb", a string: write a whole number of bytes',
    ],
    [namespace({ encrypt: 1 }), "encrypt is 1, a number: write true or false"],
    [collection({ ttl: 5 }), "no option ttl (5, a number): write ttlSeconds"],
    [collection({ ttlSeconds: "5" }), 'ttlSeconds is "5", a string: write 5'],
    [collection({ maxSize: 5 }), "no option maxSize (5, a number): write maxBytes, a whole number of bytes"],
  ]);

  testRefusals("arguments", [
    [() => space.mSet(any({ a: 1 })), "what is to be stored is an object: write mSet([{ key, value }])"],
    [() => space.mSet(any([null])), "item 0 is null: write mSet([{ key, value }])"],
    [
      () => space.mGet(any("users:1")),
      'what is asked for is "users:1", a string: write mGet(["users:1", "users:2"])',
    ],
    [
      () => space.getOrSet("users:1", any(60), any(fn)),
      "the load is 60, a number: write getOrSet(key, () => load()",
    ],
    [
      () => space.update("users:1", any(undefined)),
      "the write is undefined: write update(key, () => write()",
    ],
    [
      () => space.increment("users:1", any({ ttlSeconds: 5 })),
      "added is an object: ~ increment(key, 1, { ttlSeconds: 60 })",
    ],
    [
      () => space.withLock("users:1", any(fn), any(undefined)),
      "the work is undefined: write withLock(key, {},",
    ],
    [() => space.get(any(["users:1"])), "the key is an array: write one key after the other"],
    [() => space.get(any(undefined)), 'the key is undefined: write parts joined by ":"'],
    [() => space.namespace("users").get(any(undefined)), 'the key is undefined: write parts joined by ":"'],
    [() => space.namespace("users").get(any(5)), 'the key is 5, a number: write parts joined by ":"'],
    [() => space.deletePattern(any(5)), "the key is 5, a number: write"],
    [() => cache.manager.tenant(any(0.5)), "the tenant id is 0.5, a number: write a UUID or another id"],
    [() => cache.manager.collection(any(5)), "the key pattern is 5, a number: write parts joined"],
    [
      () => cache.manager.registry.pattern("gaps:{id}").match(any({ typo: 1 })),
      'no gap "typo": write an object of id',
    ],
    [
      () => cache.manager.registry.define("users", any(undefined)),
      "the patterns are undefined: write define(",
    ],
    [
      () => paginatedKey("a", { page: 0, pageSize: 5 }),
      "page or pageSize is 0, a number: ~ write paginatedKey(",
    ],
    [() => paginatedKey("a", any(undefined)), "page or pageSize is undefined: ~ write paginatedKey("],
    [() => sortedKey("a", { by: any(5) }), "by is 5, a number: ~ write sortedKey("],
    [
      () => sortedKey("a", { by: "b", direction: any("down") }),
      'direction is "down", a string: write "asc" or "desc"',
    ],
    [() => timestampedKey("a", any("2026")), 'the time is "2026", a string: write a Date'],
    [
      () => timestampedKey("a", new Date(), any("week")),
      'every is "week", a string: write "day", "hour" or "minute"',
    ],
  ]);

  testRefusals("CacheWarmer and CacheMonitor", [
    [
      warmer({ parallel: 4 }),
      "no option parallel (4, a number): write concurrency, a whole number from 1 to 1000",
    ],
    [
      warmer({ concurrency: 0 }),
      "concurrency is 0, a number: write a whole number from 1 to 1000, for example 4",
    ],
    [
      warmer({ readyWithinMs: "5s" }),
      'readyWithinMs is "5s", a string: write a whole number of milliseconds from 0',
    ],
    [
      () => new CacheWarmer(any({ concurrency: 4 })),
      "cache.ready is undefined: write new CacheWarmer(cache,",
    ],
    [register(fn), "the options are a function: write register(name, { tenants, entries })"],
    [register({ tenants: [], entries: fn }), "tenants is an empty array: write a function"],
    [register({ app: fn, urls: "/a" }), 'urls is "/a", a string: write an array of strings'],
    [() => new CacheWarmer(cache).register(any(5), any({})), "the name is 5, a number: write a string"],
    [warm("b"), "the options are a string: write warm(name, { tenantIds })"],
    [warm({ tenants: [] }), "no option tenants (an empty array): write tenantIds, an array of strings"],
    [() => new CacheWarmer(cache).warmAll(any({ name: "a" })), "no option name (a string): write names"],
    [
      monitor({ interval: 5000 }),
      "no option interval (5000, a number): write intervalMs, a whole number of milliseconds",
    ],
    [
      monitor({ intervalMs: 5 }),
      "intervalMs is 5, a number: write a whole number of milliseconds from 100 to 2147483647",
    ],
    [
      monitor({ windowMs: "5m" }),
      'windowMs is "5m", a string: write a whole number of milliseconds from 1000 up',
    ],
    [
      monitor({ thresholds: { hitRatio: 1 } }),
      "thresholds.hitRatio (1, a number): write thresholds.minHitRatio",
    ],
    [
      monitor({ thresholds: { minHitRatio: 60 } }),
      "thresholds.minHitRatio is 60, a number: write a number from 0 to 1",
    ],
    [monitor({ rules: [5] }), "rules[0] is 5, a number: write an object with a name and a method check"],
    [() => new CacheMonitor(any({})), "the cache is an object: pass what createTenantCache returned"],
    [() => new CacheMonitor(any(undefined)), "the cache is undefined: pass what createTenantCache returned"],
  ]);

  testRefusals("storeContract", [
    [
      () => storeContract(any({})),
      "open is missing: write a function, for example (keys) => new MyStore(keys)",
    ],
    [() => storeContract(any({ open: fn, without: ["locks"] })), 'without[0] is "locks"'],
    [() => storeContract(any({ open: fn, leavesOut: [] })), "no option leavesOut"],
  ]);

  testRefusals("verifyRoutes", [
    [verify({ app: {} }), "app is an object: write a function"],
    [verify({ cache: undefined }), "cache is missing: write an object with the methods"],
    [verify({ tenants: [] }), "tenants is an empty array: give two tenants"],
    [
      verify({ tenants: [{ header: {} }, { headers: {} }] }),
      "tenants[0].header (an object): write tenants[0].headers",
    ],
    [verify({ routes: [] }), "routes is an empty array: name at least one route"],
    [verify({ routes: [{ path: "notes" }] }), 'routes[0].path is "notes", a string: ~ must begin with "/"'],
    [
      verify({ routes: [{ path: "/", url: "/" }] }),
      "no option routes[0].url (a string): write one of path, params, mutate",
    ],
    [verify({ routes: [{ path: "/notes/:id" }] }), '/notes/:id: give the route params: { id: "…" }'],
    [
      verify({ routes: [{ path: "/", normalize: 5 }] }),
      "routes[0].normalize is 5, a number: write a function",
    ],
    [
      verify({ routes: [{ path: "/", mutate: { method: "GET", path: "/" } }] }),
      'routes[0].mutate.method is "GET", a string: write "POST", "PUT", "PATCH" or "DELETE"',
    ],
    [verify({ outage: {} }), "outage is an object: write an object with the methods begin, end"],
    [verify({ timeout: 5 }), "no option timeout (5, a number): write timeoutMs"],
    [
      verify({ timeoutMs: "5s" }),
      'timeoutMs is "5s", a string: write a whole number of milliseconds from 1 to 2147483647',
    ],
    [
      () => assertRoutes(any(undefined)),
      "the options are undefined: write verifyRoutes({ app, cache, tenants, routes })",
    ],
  ]);
});
