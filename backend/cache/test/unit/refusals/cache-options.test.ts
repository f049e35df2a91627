// What `createTenantCache` says of each wrong option: its name, what was given, what to write.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { createTenantCache, MemoryStore } from "../../../src/index.js";
import { quiet } from "../../support/caches.js";
import { any, type Call, type RefusedCall, refusalOf, testRefusals } from "../../support/refused-calls.js";

const tenant = () => "acme";
const fn = () => undefined;
const create =
  (options: unknown): Call =>
  () =>
    createTenantCache(any(options));
const given =
  (options: object): Call =>
  () =>
    createTenantCache(any({ tenant, logger: quiet, ...options }));
const redis = (value: unknown) => given({ redis: value });
const named = (name: string, value: unknown = 60) => given({ [name]: value });

class NodeRedis {
  readonly isOpen = true;
  sendCommand = fn;
}

const BUDGETS = ["50", 0, 0.05, -1, 20_000, Number.NaN, Number.POSITIVE_INFINITY, null, 5n];

describe("what createTenantCache refuses", () => {
  testRefusals("what is no options", [
    [create(undefined), "the options are undefined: write createTenantCache({ tenant:"],
    [create(null), "the options are null: write createTenantCache({ tenant:"],
    [create("redis://x"), "the options are a string: write createTenantCache({ tenant:"],
    [create([]), "the options are an empty array: write createTenantCache({ tenant:"],
    [create(fn), "the options are a function: write createTenantCache({ tenant:"],
    [create(Promise.resolve({})), "the options are a promise: write createTenantCache({ tenant:"],
    [create(new Map()), "the options are an object (Map): write createTenantCache({ tenant:"],
    [create({}), "tenant is missing: write a function, for example (req) =>"],
    [given({ redis: "redis://x", store: fn }), "redis and store are given: write one of them"],
  ]);

  testRefusals("values", [
    [given({ tenant: undefined }), "tenant is missing ~ write a function, for example (req) =>"],
    [given({ tenant: "acme" }), 'tenant is "acme", a string: write a function, for example (req) =>'],
    [
      given({ store: new MemoryStore({ maxBytes: 9, maxTenantBytes: 9 }) }),
      "store ~ (MemoryStore): write a function",
    ],
    [given({ scope: "user" }), 'scope is "user", a string: write "tenant", or a function'],
    [given({ keyPrefix: "crm " }), 'keyPrefix is "crm ", a string: write letters, digits, "_"'],
    [given({ keyPrefix: 5 }), "keyPrefix is 5, a number: write a string"],
    [given({ hash: "sha1" }), 'hash is "sha1", a string: write "md5" or "sha256"'],
    ...BUDGETS.map(
      (budgetMs): RefusedCall => [
        given({ budgetMs }),
        `budgetMs is ~ ${budgetMs} ~ write a number of milliseconds from 1 to 10000, for example 50`,
      ],
    ),
    [
      given({ maxBodyBytes: 1.5 }),
      "maxBodyBytes is 1.5, a number: write a whole number of bytes from 1 up, for example 1048576",
    ],
    [
      given({ maxEntriesPerModule: "9" }),
      'maxEntriesPerModule is "9", a string: write a whole number from 1 up',
    ],
    [given({ memory: 5 }), "memory is 5, a number: write an object { maxBytes, maxTenantShare }"],
    [
      given({ memory: { maxTenantShare: 2 } }),
      "memory.maxTenantShare is 2, a number: write a number above 0 and at most 1",
    ],
    [
      given({ local: { maxBytes: -1 } }),
      "local.maxBytes is -1, a number: write a whole number of bytes from 0 up",
    ],
    [given({ encryption: { keys: [] } }), "encryption.keys[0] is missing: write an object { id, secret }"],
    [
      given({ encryption: Promise.resolve({}) }),
      "encryption is a promise: await it first, and write an object { keys }",
    ],
    [
      given({ fill: Promise.resolve({}) }),
      "fill is a promise: await it first, and write an object { waitMs, maxWaiting, maxConcurrent, maxRunMs, retryAfterSeconds }",
    ],
    // What has no options of its own would be a group without any.
    [given({ memory: new Map() }), "memory is an object (Map): write an object { maxBytes, maxTenantShare }"],
    [given({ local: new Date() }), "local is an object (Date): write an object { maxBytes"],
    [given({ advice: /x/ }), "advice is an object (RegExp): write an object { enabled"],
    [given({ manager: new Error("x") }), "manager is an object (Error): write an object { preset"],
    [given({ metrics: Object(5) }), "metrics is an object (Number): write an object { maxTenants"],
    [given({ headers: new Set() }), "headers is an object (Set): write an object { etag"],
    [given({ causes: new Map() }), "causes is an object (Map): write false or an object { secret"],
    [given({ policies: new Map() }), "policies is an object (Map): write an object"],
    [
      given({ fill: { waitMs: "5s" } }),
      'fill.waitMs is "5s", a string: write a whole number of milliseconds from 1 to 2147483647',
    ],
    // A longer timer ends after a millisecond: nobody would wait.
    [
      given({ fill: { waitMs: Number.MAX_SAFE_INTEGER } }),
      "write a whole number of milliseconds from 1 to 2147483647",
    ],
    [
      given({ metrics: { reportIntervalMs: 2 ** 31 } }),
      "write a whole number of milliseconds from 1000 to 2147483647",
    ],
    [given({ fill: { maxWaiting: 0 } }), "fill.maxWaiting is 0, a number: write a whole number from 1 up"],
    [
      given({ fill: { maxConcurrent: 0 } }),
      "fill.maxConcurrent is 0, a number: write a whole number from 1 up",
    ],
    [given({ fill: { concurrency: 50 } }), "fill.maxConcurrent"],
    [
      given({ fill: { maxConcurrent: 50, retryAfterSeconds: 0.5 } }),
      "fill.retryAfterSeconds is 0.5, a number: write a whole number",
    ],
    [
      given({ fill: { retryAfterSeconds: 2 } }),
      "fill.retryAfterSeconds is given without fill.maxConcurrent, so that nobody is ever refused: write { fill: { maxConcurrent: 50, retryAfterSeconds: 2 } }",
    ],
    [
      given({ fill: { maxRunMs: 9000 } }),
      "fill.maxRunMs is given without fill.maxConcurrent, so that no handler has a place: write { fill: { maxConcurrent: 50, maxRunMs: 9000 } }",
    ],
    [
      given({ manager: { preset: "long" } }),
      'manager.preset is "long", a string: write "default" or "brief"',
    ],
    [
      given({ maxPendingInvalidations: true }),
      "maxPendingInvalidations is true: write a whole number from 1 up",
    ],
    [given({ compress: "no" }), 'compress is "no", a string: write true or false'],
    [given({ serverTiming: 1 }), "serverTiming is 1, a number: write true or false"],
    [given({ logger: false }), "logger is false: write an object with the methods info, warn and error"],
  ]);

  testRefusals("redis", [
    [redis(6380), 'redis is 6380, a number: write { host: "127.0.0.1", port: 6380 }'],
    [redis(""), 'redis is "", an empty string: leave it out'],
    [redis(" "), 'redis is "", an empty string: leave it out'],
    [redis(null), "redis is null: write a URL, ioredis options"],
    [redis(true), "redis is true: write a URL, ioredis options"],
    [redis("https://example.com"), "redis is a URL of https: write one of redis:// or rediss://"],
    [redis(new URL("https://example.com")), "redis is a URL of https: write one of redis:// or rediss://"],
    [redis(new NodeRedis()), "redis is an object (NodeRedis): a client of node-redis 4 cannot be used"],
    [redis(Promise.resolve({})), "redis is a promise: await it first"],
    [redis([{ host: "a" }]), "redis is an array: write { cluster: [{ host, port }] }"],
    [redis({ url: "redis://x" }), "redis has url, ~ write the URL itself: redis: url"],
    [redis({ socket: { host: "x" } }), "redis has socket, ~ write host and port"],
    [redis({ nodes: [] }), "redis has nodes, ~ write cluster: [{ host, port }]"],
    [redis({ database: 5 }), "redis has database, ~ write db"],
    [redis({ cluster: [] }), "redis has cluster, which is an empty array: write cluster: [{ host, port }]"],
    [
      redis({ cluster: "x:1" }),
      'redis has cluster, which is "x:1", a string: write cluster: [{ host, port }]',
    ],
    [
      redis({ cluster: [{}], password: "x" }),
      "redis has password beside cluster: ~ redisOptions: { password }",
    ],
    [redis({ sentinels: [{ host: "x" }] }), "redis has sentinels, and name is undefined: write the name"],
    [redis({ port: Number.NaN }), "redis has port, which is NaN: write a whole number from 1 to 65535"],
    [redis({ host: 5 }), "redis has host, which is 5, a number: write a string"],
    [redis({ db: "a" }), 'redis has db, which is "a", a string: write a whole number from 0'],
  ]);

  testRefusals("names", [
    ...["ttl", "ttlSeconds", "expire", "maxAge", "stdTTL"].map(
      (name): RefusedCall => [
        named(name),
        `no option ${name} (60, a number) ~ cacheList("accounts", { ttlSeconds: … })`,
      ],
    ),
    [named("max"), "no option max (60, a number): write maxEntriesPerModule, a whole number from 1 up"],
    [named("client", {}), "no option client (an object): write redis, a URL"],
    [named("redisUrl", "x"), "no option redisUrl (a string): write redis, a URL"],
    [named("prefix", "x"), "no option prefix (a string): write keyPrefix, a string"],
    [named("key_prefix", "x"), "no option key_prefix (a string): write keyPrefix"],
    [named("maxTenantShare"), "no option maxTenantShare (60, a number): write memory: { maxTenantShare }"],
    [named("memory", { max: 5 }), "no option memory.max (5, a number): write memory.maxBytes"],
    [named("waitMs"), "no option waitMs (60, a number): write fill: { waitMs }"],
    [named("timeout"), "no option timeout (60, a number): write budgetMs, a number of milliseconds"],
    [named("tenantId", fn), "no option tenantId (a function): write tenant, a function"],
    [named("getTenant", fn), "no option getTenant (a function): write tenant"],
    [named("tenat", fn), "no option tenat (a function): write tenant"],
    [named("budgtMs"), "no option budgtMs (60, a number): write budgetMs"],
    [named("key", fn), "no option key (a function): ~ scope, vary or params"],
    [named("identify", fn), "no option identify (a function): ~ lane(app, { identify: … })"],
    [named("zebra"), "no option zebra (60, a number): write one of redis, store, tenant"],
  ]);

  testRefusals("stores that are none", [
    [
      given({ store: MemoryStore }),
      "store is a class: write a function that returns a store at once, as in store: (keys) => new MyStore(keys)",
    ],
    [
      given({ store: async () => new MemoryStore({ maxBytes: 1, maxTenantBytes: 1 }) }),
      "returned a promise: write",
    ],
    [given({ store: async () => assert.fail("told by the promise alone") }), "returned a promise: write"],
    [given({ store: fn }), "the store function returned undefined: write"],
    [given({ store: () => new Map() }), "the store function returned an object (Map): write"],
    [
      given({ store: () => ({ listen: fn, read: fn, beginFill: fn }) }),
      "the store function returned an object without commitFill, replaceFences: write",
    ],
  ]);

  test("all that is wrong, in one message", async () => {
    const message = await refusalOf(given({ ttl: 5, budgetMs: "5", hash: "x" }));
    for (const name of ["ttl", "budgetMs", "hash"]) assert.ok(message.includes(name), message);
  });

  test("without secrets", async () => {
    for (const call of [
      create("redis://:hunter2@x"),
      given({ encryption: { keys: [{ id: "a", secret: "hunter2" }] } }),
      named("redisUrl", "redis://:hunter2@x"),
      redis({ cluster: [{}], password: "hunter2" }),
      redis("http://:hunter2@x"),
      redis({ url: "redis://:hunter2@x" }),
    ])
      assert.doesNotMatch(await refusalOf(call), /hunter2/);
  });
});
