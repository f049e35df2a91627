// The bounded LRU: no tenant and no module takes more than its share, whatever is stored and removed.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
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
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const lru = new TenantLru<object>({ maxBytes: 24 * KIB, maxTenantBytes: 12 * KIB });
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
});
