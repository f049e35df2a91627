// Stats of a store that holds more keys than are counted at a time: the next report asks for none of them again, and requests are not held up.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { createTenantCache, type TenantCache } from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";

/** More than are looked at, all of which are entries, of as many tenants as are reported on. */
const KEYS = 120_000;
const TENANTS = 5000;
const FILL = `
for i = 1, tonumber(ARGV[1]) do
  local tenant = 'tenant-' .. i % tonumber(ARGV[2])
  redis.call('SET', 'tenant:' .. tenant .. ':accounts:list:' .. redis.sha1hex(i):sub(1, 32), 'x')
end
return 1`;

describe("stats of more keys than are counted", () => {
  let server: RedisServer;
  let admin: Redis;
  let cache: TenantCache;

  beforeAll(async () => {
    server = await startRedisServer();
    admin = new Redis(server.url);
    await admin.eval(FILL, 0, KEYS, TENANTS);
    cache = createTenantCache({ redis: server.url, tenant: () => undefined, logger: quiet, ...PATIENT });
    assert.ok(await cache.ready(READY_WITHIN_MS));
  });

  afterAll(async () => {
    await cache?.close();
    admin?.disconnect();
    await server?.stop();
  });

  /** What a report has the server do. */
  async function asked(
    report: () => Promise<unknown>,
  ): Promise<Record<"scan" | "strlen" | "zscore", number>> {
    await admin.config("RESETSTAT");
    await report();
    const stats = await admin.info("commandstats");
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return { scan: calls("scan"), strlen: calls("strlen"), zscore: calls("zscore") };
  }

  test("cost the store the first time, and then a page", async () => {
    const first = await asked(async () => {
      const { inventoryComplete, inventoryAgeSeconds, tenants = {} } = await cache.stats({ perTenant: true });
      assert.equal(inventoryComplete, false);
      assert.equal(inventoryAgeSeconds, 0);
      assert.ok(Object.keys(tenants).length > 200, "of many tenants");
    });
    assert.ok(first.scan > 0 && first.strlen > 0 && first.zscore > 200, JSON.stringify(first));
    const second = await asked(async () => {
      const { totals, tenants = {} } = await cache.stats({ perTenant: true });
      assert.ok((totals.entries ?? 0) > 0 && Object.keys(tenants).length > 200);
    });
    assert.equal(second.scan, 0);
    // What a ping tries.
    assert.ok(second.strlen < 5 && second.zscore < 5, JSON.stringify(second));
  });
});
