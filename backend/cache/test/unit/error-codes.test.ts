// Errors against their page: every code has its anchor, and what the page calls wrong throws that code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { projectFile } from "../../../project-root.js";
import {
  createTenantCache,
  MemoryStore,
  paginatedKey,
  TenantCacheError,
  type TenantCacheOptions,
} from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { called } from "../support/refused-calls.js";

const page = readFileSync(projectFile("docs", "error-codes.md"), "utf8");
const source = readFileSync(projectFile("backend", "cache", "src", "errors.ts"), "utf8");
const codes = [...source.matchAll(/^ {2}\| "(ETC_\w+)"/gm)].map(([, code]) => code);

const cache = createTenantCache({ tenant: () => undefined, logger: quiet });
/** Options as a caller without types might write them. */
const create = (options: object) => createTenantCache(options as TenantCacheOptions);
const mistaken = (value: unknown) => value as never;
const space = cache.manager.tenant("acme");
/** As far as a call can know that Express has made it. */
const request = { method: "GET", url: "/", headers: {} };
const pattern = (text: string) => cache.manager.registry.pattern(text);
const client = new Redis({ lazyConnect: true, keyPrefix: "crm:" });
const tenant = () => undefined;
const redisUrl = "redis://127.0.0.1:6379";

/** A store that leaves out all that may be left out. */
const lean = () =>
  Object.assign(new MemoryStore({ maxBytes: 1000, maxTenantBytes: 1000 }), {
    keyed: undefined,
    sweep: undefined,
    tenantBytes: undefined,
  });
const leanCache = create({ tenant, store: lean, logger: quiet });

const MISTAKES: Record<string, readonly (() => unknown)[]> = {
  ETC_OPTIONS: [
    () => create({}),
    () => create({ tenant, ttl: 60 }),
    () => cache.cacheList("accounts", mistaken({ ttl: 60 })),
    () => cache.invalidateCache(),
    () => cache.invalidateCache(mistaken(["accounts", "contacts"])),
    () => cache.invalidateCache("accounts", mistaken({ guard: true })),
    () => create({ tenant, client: {}, prefix: "crm:" }),
    () => create({ tenant, maxBytes: 1e8 }),
    () => cache.cacheList("accounts", mistaken({ expire: 60 })),
    () => cache.cacheList("accounts", mistaken({ maxAge: 60 })),
    () => cache.cacheList("accounts", mistaken({ key: () => "a" })),
    () => cache.cacheList("accounts", mistaken({ tag: "a", swr: 60 })),
    () => cache.lane(() => undefined, mistaken({ authenticate: () => undefined })),
    () => cache.stats(mistaken("acme")),
  ],
  ETC_ARGUMENTS: [
    called(cache, "cacheList", "accounts", 180, { dependsOn: ["contacts"] }),
    called(cache, "cacheList", request, {}, () => undefined),
    called(cache, "invalidateCache", request, {}, () => undefined),
    called(cache, "lane", request, {}),
    called(cache, "invalidateAllTenant", "acme", "accounts"),
    () => Promise.all(["acme"].map(cache.invalidateAllTenant)),
    called(space, "get", "users:1", "users:2"),
    called(space, "set", "users:1", 1, "EX", 60),
    called(space, "getOrSet", "users:1", 60, () => 1),
    called(space, "withLock", "users:1", () => 1),
    called({ paginatedKey }, "paginatedKey", "users:list", 2, 50),
  ],
  ETC_MODULE_NAME: [
    () => cache.cacheList("Accounts"),
    () => cache.cacheList("crm:accounts"),
    () => cache.invalidateTenantCache("acme", "*"),
  ],
  ETC_TTL: [
    () => cache.cacheList("accounts", 180_000_000),
    () => cache.cacheList("accounts", mistaken("180")),
    () => cache.cacheList("accounts", 0),
    () => cache.cacheList("accounts", 5000),
    () => cache.cacheList("accounts", 180_000),
    () => cache.cacheList("accounts", 3_600_000),
    () => cache.cacheList("accounts", mistaken("3m")),
    () => cache.cacheList("accounts", mistaken(180n)),
    () => cache.cacheList("accounts", 1.5),
    () => cache.cacheList("accounts", Number.POSITIVE_INFINITY),
    () => cache.cacheList("accounts", -1),
    () => space.namespace("users", 300_000),
  ],
  ETC_TENANT_ID: [
    () => cache.invalidateAllTenant("*"),
    () => cache.invalidateTenantCache(mistaken({ id: "acme" }), "accounts"),
    () => cache.invalidateTags("acme\n", "account-1"),
  ],
  ETC_TAG: [() => cache.invalidateTags("acme", "account:1")],
  ETC_KEY: [
    () => cache.manager.tenant("acme").get("users:profile:"),
    () => cache.manager.tenant("acme").delete("users:profile:*"),
    () => cache.manager.tenant("acme").get("Users:1"),
    () => pattern("gaps:{id}").key({}),
    () => space.namespace("users").get(mistaken(undefined)),
    () => cache.manager.collection("people:{id}").deleteMatching("acme", mistaken({ typo: 7 })),
  ],
  ETC_KEY_PATTERN: [
    () => pattern("users:profile-{id}"),
    () => pattern("{domain}:all"),
    () => pattern("users:{id}:{id}"),
  ],
  ETC_KEY_COLLISION: [
    () => [pattern("tasks:{id}"), pattern("tasks:recent")],
    () => [pattern("deals:{id}"), pattern("deals:{companyId}")],
  ],
  ETC_VALUE: [
    () => cache.manager.tenant("acme").set("users:1", undefined),
    () => cache.manager.tenant("acme").set("users:1", { total: 1n }),
    () => cache.manager.tenant("acme").increment("users:1", 0.5),
  ],
  ETC_VALUE_TOO_LARGE: [() => cache.manager.tenant("acme").set("users:1", "x".repeat(2 ** 20 + 1))],
  ETC_STORE_PART: [
    () => create({ tenant, store: lean, maxBytesPerTenant: 1e8 }),
    () => leanCache.manager.tenant("acme"),
    () => leanCache.manager.collection("things:{id}"),
  ],
  ETC_REDIS_CLIENT: [
    () => create({ tenant, redis: 6380 }),
    () => create({ tenant, redis: "" }),
    () => create({ tenant, redis: null }),
    () => create({ tenant, redis: { host: undefined } }),
    () => create({ tenant, redis: { url: redisUrl } }),
    () => create({ tenant, redis: { socket: { host: "127.0.0.1", port: 6379 } } }),
    () => create({ tenant, redis: { host: "127.0.0.1", database: 1 } }),
    () => create({ tenant, redis: [{ host: "127.0.0.1", port: 6379 }] }),
    () => create({ tenant, redis: { nodes: [{ host: "127.0.0.1", port: 6379 }] } }),
    () => create({ tenant, redis: { cluster: [{ host: "127.0.0.1", port: 6379 }], password: "secret" } }),
    () => create({ tenant, redis: { cluster: [redisUrl], natMap: {} } }),
    () => create({ tenant, redis: "valkeys://127.0.0.1" }),
    () => create({ tenant, redis: Promise.resolve(redisUrl) }),
  ],
  ETC_REDIS_REPLICA: [
    () => create({ tenant, redis: { sentinels: [{ host: "127.0.0.1" }], name: "main", role: "slave" } }),
    () => create({ tenant, redis: { host: "127.0.0.1", readOnly: true } }),
  ],
  ETC_REDIS_KEY_PREFIX: [
    () => create({ tenant, redis: client }),
    () => create({ tenant, redis: { lazyConnect: true, keyPrefix: "crm:" } }),
    () => create({ tenant, redis: { cluster: [redisUrl], redisOptions: { keyPrefix: "crm:" } } }),
  ],
};

describe("docs/error-codes.md", () => {
  afterAll(() => cache.close());

  test("has one section for each code, and no other", () => {
    const sections = [...page.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual([...sections].sort(), [...codes].sort());
  });

  test("is where the errors' help points, and what their messages end with", () => {
    const { repository } = JSON.parse(readFileSync(projectFile("backend", "cache", "package.json"), "utf8"));
    const pages = repository.url.replace(/^git\+(.*)\.git$/, "$1/blob/main");
    for (const code of codes) {
      const { help, message } = new TenantCacheError(code as TenantCacheError["code"], "the option is 5");
      assert.equal(help, `${pages}/docs/error-codes.md#${code?.toLowerCase()}`);
      assert.equal(message, `${code}: the option is 5 (${help})`);
    }
  });

  for (const [code, mistakes] of Object.entries(MISTAKES)) {
    test(`${code}: what the page calls wrong throws it`, async () => {
      for (const mistake of mistakes) {
        await assert.rejects(
          async () => mistake(),
          (error) => error instanceof TenantCacheError && error.code === code,
          mistake.toString(),
        );
      }
    });
  }
});
