// What `cacheList`, `invalidateCache`, `lane` and the calls for jobs say of each wrong option and argument.
import { afterAll, describe } from "@jest/globals";
import { createTenantCache, expressServerOptions } from "../../../src/index.js";
import { quiet } from "../../support/caches.js";
import { any, type RefusedCall, testRefusals } from "../../support/refused-calls.js";

const cache = createTenantCache({ tenant: () => "acme", logger: quiet });
const fn = () => undefined;
const list = (options: unknown) => () => cache.cacheList("accounts", any(options));
const observe = (options: unknown) => () => cache.observe("accounts", any(options));
const named = (name: string, value: unknown = 60) => list({ [name]: value });
const routes = (options: unknown) => () => cache.routes(any(options));
const module = (name: unknown) => () => cache.cacheList(any(name));
const invalidate =
  (...args: unknown[]) =>
  () =>
    Reflect.apply(cache.invalidateCache, undefined, args);
const lane =
  (options: unknown, app: unknown = fn) =>
  () =>
    cache.lane(any(app), any(options));
const ofLane = (options: object) => lane({ identify: fn, ...options });

const TTL_NAMES = [
  "ttl",
  "TTL",
  "ttl_seconds",
  "ttlSecond",
  "expire",
  "expiresIn",
  "maxAge",
  "max-age",
  "duration",
];

describe("what calls refuse", () => {
  afterAll(() => cache.close());

  testRefusals("routes: when they are mounted, not when the first request of a module comes", [
    [
      routes({ fill: { retryAfterSeconds: 5 } }),
      "routes: fill.retryAfterSeconds is given without fill.maxConcurrent",
    ],
    [
      routes({ privateResponses: "scope" }),
      'routes: privateResponses is "scope", and there is no scope: write {',
    ],
  ]);
  testRefusals("observe: as cacheList, by its own name", [
    [observe({ ttl: 5 }), "observe: there is no option ttl (5, a number) ~ write ttlSeconds"],
    [observe([]), 'observe: the options are an empty array: write observe("accounts", { ttlSeconds: 180 })'],
    [observe(-1), "observe: ttlSeconds ~ -1"],
    [observe({ policy: "none" }), 'observe: there is no policy "none"'],
    [observe({ freshness: "strict", maxStaleness: 5 }), 'observe: freshness is "strict"'],
  ]);

  testRefusals("cacheList: names", [
    ...TTL_NAMES.map(
      (name): RefusedCall => [
        named(name),
        `no option ${name} (60, a number): write ttlSeconds, a whole number of seconds`,
      ],
    ),
    [named("key", fn), "no option key (a function): ~ scope, vary or params"],
    [named("keyGenerator", fn), "no option keyGenerator (a function): ~ scope, vary or params"],
    [named("tag", "a"), "no option tag (a string): write tags, a function"],
    [named("swr"), "no option swr (60, a number): write staleWhileRevalidate, a whole number of seconds"],
    [named("role", fn), "no option role (a function): write scope"],
    [named("query", ["a"]), "query is an array: write a function, for example (req) => req.validatedQuery"],
    [named("status", 200), "no option status (200, a number): write statuses"],
    [named("client", {}), "no option client (an object): it belongs to createTenantCache ~ { redis: … }"],
    [named("prefix", "a"), "no option prefix (a string): it belongs to createTenantCache ~ { keyPrefix: … }"],
    [
      named("max"),
      "no option max (60, a number): it belongs to createTenantCache ~ { maxEntriesPerModule: … }",
    ],
    [
      named("modules", []),
      "no option modules (an empty array): it belongs to invalidateCache ~ { modules: … }",
    ],
    [named("disabled", true), "no option disabled (true): write enabled, true or false"],
    [named("enabled", "no"), 'enabled is "no", a string: write true or false'],
    [named("skip", true), "skip is true: write a function, for example (req) => "],
    [named("cacheIf", true), "no option cacheIf (true): write shouldStore, a function"],
    [named("ignoreParams", ["*"]), 'ignoreParams[0] is "*", a string: write the name of a query parameter'],
    [named("ttlSeconds", "60"), 'ttlSeconds is "60", a string: write 60'],
    [named("privateResponses", "scope"), 'privateResponses is "scope", and module ~ has no scope: write {'],
    [named("privateResponses", true), 'privateResponses is true: write "refuse" or "scope"'],
    [named("policy", "reference"), 'there is no policy "reference", a string: declare it: createTenantCache'],
    [
      named("methods", ["PUT"]),
      'methods[0] is "PUT", a string: write "POST": GET, HEAD and QUERY are cached',
    ],
    [named("dependson", []), "no option dependson (an empty array): write dependsOn"],
  ]);

  testRefusals("cacheList: values", [
    [
      named("dependsOn", "contacts"),
      'dependsOn is "contacts", a string: write an array of module names, or "auto"',
    ],
    [
      named("dependsOn", ["Contacts"]),
      'ETC_MODULE_NAME ~ dependsOn[0] is "Contacts", a string: write "contacts"',
    ],
    [named("tags", ["a"]), "tags is an array: write a function"],
    [named("scope", 5), 'scope is 5, a number: write "tenant", or a function'],
    [named("vary", "Accept"), 'vary is "Accept", a string: write an array of strings'],
    [named("vary", ["*"]), 'vary[0] is "*", a string: write the name of a request header'],
    [named("params", "page"), 'params is "page", a string: write an array of strings'],
    [named("params", [1]), "params[0] is 1, a number: write a string"],
    [named("statuses", 200), "statuses is 200, a number: write an array of whole numbers from 200 to 599"],
    [named("statuses", ["200"]), 'statuses[0] is "200", a string: write a whole number from 200 to 599'],
    [
      named("maxBodyBytes", "1mb"),
      'maxBodyBytes is "1mb", a string: write a whole number of bytes from 1 up',
    ],
    [named("settleMs", -1), "settleMs is -1, a number: write a whole number of milliseconds from 0 up"],
    [
      named("staleWhileRevalidate", "60"),
      'staleWhileRevalidate is "60", a string: write a whole number of seconds',
    ],
    [
      named("staleIfError", 86_400_000),
      "staleIfError is 86400000, a number: write a whole number of seconds",
    ],
    [named("obeyRequest", "yes"), 'obeyRequest is "yes", a string: write true or false'],
    [
      named("maxStaleness", 1e6),
      "maxStaleness is 1000000, a number: write a number of milliseconds from 0 to 60000",
    ],
    [list([]), 'the options are an empty array: write cacheList("accounts", { ttlSeconds: 180 })'],
    [
      list(Promise.resolve(180)),
      'the options are a promise: write cacheList("accounts", { ttlSeconds: 180 })',
    ],
    [module(undefined), 'the module is undefined: write a lower-case word such as "accounts"'],
    [module("Crm:Accounts"), 'the module is "Crm:Accounts", a string: write "crm-accounts"'],
    [module(["a", "b"]), "the module is an array: write the names one after the other"],
    [module(5n), "the module is 5n, a bigint: write a lower-case word"],
  ]);

  testRefusals("invalidateCache", [
    [invalidate(), 'name at least one module, as in invalidateCache("accounts")'],
    [invalidate({}), 'name at least one module, as in invalidateCache("accounts")'],
    [invalidate(["accounts"]), 'module names ~ an array: write invalidateCache("accounts", "contacts")'],
    [invalidate("accounts", { guard: true }), "module names ~ an object: write invalidateCache({ modules:"],
    [invalidate(null), "the options are null: write invalidateCache({ modules:"],
    [invalidate("accounts", 5), "modules[1] is 5, a number: write a lower-case word"],
    [
      invalidate({ module: "accounts" }),
      "no option module (a string): write modules, an array, each item a module",
    ],
    [
      invalidate({ modules: "accounts" }),
      'modules is "accounts", a string: write an array, each item a module name',
    ],
    [
      invalidate({ modules: ["a"], onUnreachable: "fail" }),
      'onUnreachable is "fail", a string: write "defer" or "reject"',
    ],
    [invalidate({ modules: ["a"], guard: 1 }), "guard is 1, a number: write true or false"],
    [
      invalidate({ modules: ["a"], guardMs: 0 }),
      "guardMs is 0, a number: write a whole number of milliseconds from 1 up",
    ],
    [invalidate({ tags: ["a"] }), "tags is an array: write a function"],
    [
      invalidate({ modules: ["a"], ttl: 5 }),
      "no option ttl (5, a number): it belongs to cacheList ~ { ttlSeconds: … }",
    ],
  ]);

  testRefusals("lane", [
    [lane({ identify: fn }, null), "the app is null: write createServer(cache.lane(app,"],
    [lane(undefined, { identify: fn }), "the app is an object: write createServer(cache.lane(app,"],
    [lane(undefined), "the options are undefined: write lane(app, { identify:"],
    [lane({}), "identify is missing: write a function"],
    [lane({ authenticate: fn }), "no option authenticate (a function): write identify, a function"],
    [
      ofLane({ middleware: [] }),
      "no option middleware (an empty array): write use, an array, each item a function",
    ],
    [ofLane({ use: fn }), "use is a function: write an array, each item a function"],
    [ofLane({ use: [5] }), "use[0] is 5, a number: write a function"],
    [ofLane({ maxRequests: 0 }), "maxRequests is 0, a number: write a whole number from 1 up"],
    [
      ofLane({ relearnSeconds: "60" }),
      'relearnSeconds is "60", a string: write a whole number of seconds from 1 up',
    ],
    [() => expressServerOptions(any({})), "the app is an object: write expressServerOptions(app)"],
  ]);

  testRefusals("for jobs and operators", [
    [
      () => cache.invalidateTenantCache(any(4.2), "a"),
      "the tenant id is 4.2, a number: write a UUID or another id",
    ],
    [() => cache.invalidateTenantCache("acme"), "the module is undefined: write a lower-case word"],
    [
      () => cache.invalidateTenantCache("acme", any(["a", "b"])),
      "the module is an array: write the names one after",
    ],
    [() => cache.invalidateAllTenant(any({ id: "acme" })), "the tenant id is an object: write its id"],
    [
      () => cache.invalidateAllTenant(any(Promise.resolve("acme"))),
      "the tenant id is a promise: await it first",
    ],
    [() => cache.invalidateAllTenant("*"), 'the tenant id is "*", a string: write a UUID or another id'],
    [() => cache.invalidateTags("acme", any(42)), 'the tag is 42, a number: write "account-42"'],
    [() => cache.invalidateTags("acme", any(["a"])), "the tag is an array: write tags one after the other"],
    [() => cache.invalidateTags("acme", "account:1"), 'the tag is "account:1", a string: write "account-1"'],
    [() => cache.stats(any("acme")), "the options are a string: write stats({ tenantId })"],
    [() => cache.stats(any({ tenant: "acme" })), "no option tenant (a string): write tenantId, a string"],
    [() => cache.stats({ perTenant: any("yes") }), 'perTenant is "yes", a string: write true or false'],
    [() => cache.stats({ tenantId: "*" }), 'the tenant id is "*", a string: write a UUID'],
    [() => cache.ready(any("5s")), 'timeoutMs is "5s", a string: write a number of milliseconds from 0'],
    [
      () => cache.ready(Number.POSITIVE_INFINITY),
      "timeoutMs is Infinity: write a number of milliseconds from 0",
    ],
  ]);
});
