// Errors against their page: every code has its anchor, and what the page calls wrong throws that code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { Redis } from "ioredis";
import { createTenantCache, TenantCacheError, type TenantCacheOptions } from "../../cache/index.js";
import { projectFile } from "../../project-root.js";

const page = readFileSync(projectFile("docs", "error-codes.md"), "utf8");
const source = readFileSync(projectFile("backend", "cache", "errors.ts"), "utf8");
const codes = [...source.matchAll(/^ {2}\| "(ETC_\w+)"/gm)].map(([, code]) => code);

const cache = createTenantCache({ tenant: () => undefined });
/** Options as a caller without types might write them. */
const create = (options: object) => createTenantCache(options as TenantCacheOptions);
const mistaken = (value: unknown) => value as never;
const pattern = (text: string) => cache.manager.registry.pattern(text);
const client = new Redis({ lazyConnect: true, keyPrefix: "crm:" });
const tenant = () => undefined;
const redisUrl = "redis://127.0.0.1:6379";

const MISTAKES: Record<string, readonly (() => unknown)[]> = {
  ETC_OPTIONS: [
    () => create({}),
    () => create({ tenant, ttl: 60 }),
    () => cache.cacheList("accounts", mistaken({ ttl: 60 })),
    () => cache.invalidateCache(),
    () => cache.invalidateCache(mistaken(["accounts", "contacts"])),
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
  ETC_REDIS_CLIENT: [
    () => create({ tenant, redis: 6380 }),
    () => create({ tenant, redis: "" }),
    () => create({ tenant, redis: null }),
    () => create({ tenant, redis: { host: undefined } }),
    () => create({ tenant, redis: { url: redisUrl } }),
    () => create({ tenant, redis: { socket: { host: "127.0.0.1", port: 6379 } } }),
    () => create({ tenant, redis: { host: "127.0.0.1", database: 1 } }),
    () => create({ tenant, redis: [{ host: "127.0.0.1", port: 6379 }] }),
    () => create({ tenant, redis: { cluster: [redisUrl], natMap: {} } }),
    () => create({ tenant, redis: "valkeys://127.0.0.1" }),
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
  after(() => cache.close());

  test("has one section for each code, and no other", () => {
    const sections = [...page.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual([...sections].sort(), [...codes].sort());
  });

  test("is where the errors' help points", () => {
    for (const code of codes) {
      const { help } = new TenantCacheError(code as TenantCacheError["code"], "");
      assert.equal(help, `docs/error-codes.md#${code?.toLowerCase()}`);
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
