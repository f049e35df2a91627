// Inventories: what is little is counted each time; what is too much to count is known from before, and renewed behind whoever asks.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { Inventories } from "../../src/engine/inventories.js";
import { LastReport } from "../../src/engine/last-report.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import type { Inventory } from "../../src/store/store-report.js";

const MIB = 1024 * 1024;
const NEVER_MS = 600_000;

/** A store whose entries are more than are counted at a time, and that counts how often it is asked. */
class LargeStore extends MemoryStore {
  override readonly holdsInMemory = false as never;
  complete = false;
  taken = 0;
  asked: string[] = [];

  override async inventory(): Promise<Inventory> {
    this.taken++;
    return { rows: [], complete: this.complete };
  }
  override async tenantBytes(tenants: readonly string[]): Promise<readonly number[]> {
    this.asked.push(...tenants);
    return tenants.map((tenant) => tenant.length);
  }
}

function open(renewedAfterMs: number, maxAgeMs = NEVER_MS) {
  const store = new LargeStore({ maxBytes: MIB, maxTenantBytes: MIB });
  return { store, inventories: new Inventories(store, new LastReport(), { renewedAfterMs, maxAgeMs }) };
}

describe("the inventory of all tenants", () => {
  test("one that has seen all is taken for each report", async () => {
    const { store, inventories } = open(NEVER_MS);
    store.complete = true;
    for (let n = 1; n <= 3; n++) {
      assert.equal((await inventories.whole()).ageMs, 0);
      assert.equal(store.taken, n);
    }
  });

  test("one that has not is taken once, and says how old it is", async () => {
    const { store, inventories } = open(NEVER_MS);
    assert.equal((await inventories.whole()).ageMs, 0);
    const again = await Promise.all([inventories.whole(), inventories.whole()]);
    assert.ok(again.every(({ ageMs, inventory }) => ageMs > 0 && !inventory.complete));
    assert.equal(store.taken, 1);
  });

  test("from a certain age on it is renewed behind whoever asks, once for all of them", async () => {
    const { store, inventories } = open(0);
    const { inventory: first } = await inventories.whole();
    const told = await Promise.all([inventories.whole(), inventories.whole()]);
    assert.ok(told.every(({ inventory }) => inventory === first));
    assert.equal(store.taken, 2);
    store.complete = true;
    await until("the next one has seen all", async () => (await inventories.whole()).ageMs === 0);
  });

  test("what is too old is waited for", async () => {
    const { store, inventories } = open(0, 0);
    await inventories.whole();
    const { ageMs } = await inventories.whole();
    assert.equal(ageMs, 0);
    assert.equal(store.taken, 2);
  });
});

describe("what tenants' entries count", () => {
  const many = Array.from({ length: 1000 }, (_, n) => `tenant-${n}`);

  test("few are asked about each time", async () => {
    const { store, inventories } = open(NEVER_MS);
    for (let n = 0; n < 2; n++) assert.deepEqual(await inventories.bytesOf(["a", "bb"]), [1, 2]);
    assert.deepEqual(store.asked, ["a", "bb", "a", "bb"]);
  });

  test("of many only those that are not known yet", async () => {
    const { store, inventories } = open(NEVER_MS);
    await inventories.bytesOf(many);
    assert.deepEqual(
      await inventories.bytesOf([...many, "another"]),
      [...many, "another"].map((id) => id.length),
    );
    assert.equal(store.asked.length, many.length + 1);
  });

  test("after a while all of them", async () => {
    const { store, inventories } = open(0);
    await inventories.bytesOf(many);
    await inventories.bytesOf(many);
    assert.equal(store.asked.length, 2 * many.length);
  });
});
