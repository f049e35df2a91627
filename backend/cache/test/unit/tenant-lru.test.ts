// The bounded LRU: no tenant and no module takes more than its share, whatever is stored and removed.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { until } from "../../../servers/until.js";
import { TenantLru } from "../../src/store/tenant-lru.js";

const KIB = 1024;
const LONG_MS = 60_000;
const holding = (tenant: string, module: string, bytes: number, maxModuleEntries = 1000) => ({
  tenant,
  module,
  bytes,
  maxModuleEntries,
});

describe("tenant LRU", () => {
  test("a greedy tenant evicts its own oldest values, not its neighbour's", () => {
    const lru = new TenantLru<{ id: string }>({ maxBytes: 100 * KIB, maxTenantBytes: 20 * KIB });
    lru.set("neighbour", { id: "neighbour" }, holding("b", "accounts", KIB), LONG_MS);
    for (let index = 0; index < 200; index++) {
      lru.set(`greedy-${index}`, { id: "" }, holding("a", "accounts", KIB), LONG_MS);
    }
    assert.equal(lru.get("neighbour")?.id, "neighbour");
    assert.equal(lru.get("greedy-0"), undefined);
    assert.ok(lru.get("greedy-199"));
    assert.ok(lru.bytes <= 22 * KIB);
    assert.ok(lru.evictions > 150);
  });

  test("a value larger than a tenant's share is not kept", () => {
    const lru = new TenantLru<object>({ maxBytes: 100 * KIB, maxTenantBytes: 10 * KIB });
    lru.set("large", {}, holding("a", "accounts", 50 * KIB), LONG_MS);
    assert.equal(lru.get("large"), undefined);
    assert.deepEqual([...lru.holdings()], []);
  });

  test("whatever is stored and removed, the books say what is there and every bound holds", () => {
    const operation = fc.record({
      key: fc.nat({ max: 12 }),
      tenant: fc.constantFrom("a", "b"),
      module: fc.constantFrom("accounts", "leads"),
      bytes: fc.nat({ max: 4 * KIB }),
      remove: fc.boolean(),
    });
    const reserved = fc.constantFrom(0, KIB, 5 * KIB, 12 * KIB);
    const pooled = fc.constantFrom(1, 6 * KIB, Number.POSITIVE_INFINITY);
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), reserved, pooled, (operations, each, all) => {
        const lru = new TenantLru<object>({ maxBytes: 24 * KIB, maxTenantBytes: 12 * KIB });
        lru.share({ reservedBytesPerTenant: each, maxPooledBytes: all });
        for (const { key, tenant, module, bytes, remove } of operations) {
          const name = `${tenant}:${module}:${key}`;
          if (remove) lru.delete(name);
          else lru.set(name, {}, holding(tenant, module, bytes, 3), LONG_MS);
          const rows = [...lru.holdings()];
          assert.equal(
            rows.reduce((sum, row) => sum + row.entries, 0),
            lru.entries,
          );
          assert.equal(
            rows.reduce((sum, row) => sum + row.bytes, 0),
            lru.bytes,
          );
          assert.ok(lru.bytes <= 24 * KIB);
          for (const each of ["a", "b"]) {
            const held = rows.filter((row) => row.tenant === each);
            assert.ok(held.reduce((sum, row) => sum + row.bytes, 0) <= 12 * KIB);
            for (const row of held) assert.ok(row.entries <= 3);
            assert.equal(
              lru.keysOf(each).length,
              held.reduce((sum, row) => sum + row.entries, 0),
            );
          }
        }
      }),
    );
  });

  test("what is reserved stays, whatever others store; the pool goes to whoever uses it", () => {
    const lru = new TenantLru<object>({ maxBytes: 100 * KIB, maxTenantBytes: 90 * KIB });
    lru.share({ reservedBytesPerTenant: 20 * KIB, maxPooledBytes: Number.POSITIVE_INFINITY });
    for (let n = 0; n < 10; n++) lru.set(`quiet-${n}`, {}, holding("quiet", "accounts", KIB), LONG_MS);
    for (let n = 0; n < 500; n++) lru.set(`noisy-${n}`, {}, holding("noisy", "accounts", KIB), LONG_MS);
    for (let n = 0; n < 10; n++) assert.ok(lru.get(`quiet-${n}`), `${n}`);
    assert.ok(lru.bytesOf("noisy") > 60 * KIB, "what is not reserved is not left idle");
    assert.ok(lru.bytes <= 100 * KIB);
    // Beyond its reservation a tenant is like any other.
    for (let n = 10; n < 40; n++) lru.set(`quiet-${n}`, {}, holding("quiet", "accounts", KIB), LONG_MS);
    for (let n = 500; n < 1000; n++) lru.set(`noisy-${n}`, {}, holding("noisy", "accounts", KIB), LONG_MS);
    const left = Array.from({ length: 40 }, (_, n) => n).filter((n) => lru.get(`quiet-${n}`));
    assert.ok(left.length >= 13 && left.length < 20 && left.includes(39), `${left}`);
  });

  test("what was asked for is spared where the tenant itself stores more than is reserved", () => {
    const lru = new TenantLru<object>({ maxBytes: 30 * KIB, maxTenantBytes: 30 * KIB });
    lru.share({ reservedBytesPerTenant: 10 * KIB, maxPooledBytes: 1 });
    for (let n = 0; n < 50; n++) {
      lru.set(`n-${n}`, {}, holding("a", "accounts", KIB), LONG_MS);
      assert.ok(lru.get("n-0"), `${n}`);
    }
    assert.equal(lru.get("n-1"), undefined);
  });

  test("more tenants than can have their reservation share what there is", () => {
    const lru = new TenantLru<object>({ maxBytes: 100 * KIB, maxTenantBytes: 50 * KIB });
    lru.share({ reservedBytesPerTenant: 40 * KIB, maxPooledBytes: Number.POSITIVE_INFINITY });
    for (let n = 0; n < 600; n++) {
      lru.set(`${n}`, {}, holding(`t${n % 20}`, "accounts", KIB), LONG_MS);
      assert.ok(lru.bytes <= 100 * KIB);
    }
    for (let t = 0; t < 20; t++) assert.ok(lru.bytesOf(`t${t}`) >= 2 * KIB, `${t}`);
  });

  test("what has expired makes room, also where it is reserved and nobody asks for it", async () => {
    const lru = new TenantLru<object>({ maxBytes: 100 * KIB, maxTenantBytes: 90 * KIB });
    lru.share({ reservedBytesPerTenant: 40 * KIB, maxPooledBytes: Number.POSITIVE_INFINITY });
    for (let n = 0; n < 20; n++) lru.set(`old-${n}`, {}, holding("old", "accounts", KIB), 1);
    await until("it has expired", () => lru.get("old-0") === undefined);
    for (let n = 0; n < 50; n++) lru.set(`new-${n}`, {}, holding("new", "accounts", KIB), LONG_MS);
    assert.equal(lru.bytesOf("old"), 0);
  });
});
