// Inventories: what is little is counted each time; what is too much to count is known from before, and renewed behind whoever asks.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { Inventories } from "../../src/engine/inventories.js";
import { LastReport } from "../../src/engine/last-report.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import type { Inventory, InventoryFilter } from "../../src/store/store-report.js";

const MIB = 1024 * 1024;
const NEVER_MS = 600_000;

/** A store whose entries are more than are counted at a time, and that counts how often it is asked. */
class LargeStore extends MemoryStore {
  override readonly holdsInMemory = false as never;
  complete = false;
  taken = 0;
  /** Of those the ones that nobody waited for. */
  unawaited = 0;
  asked: string[] = [];
  askedBehind: string[] = [];
  factor = 1;

  override async inventory({ isAwaited = true }: Partial<InventoryFilter> = {}): Promise<Inventory> {
    this.taken++;
    if (!isAwaited) this.unawaited++;
    return { rows: [], complete: this.complete };
  }
  override async tenantBytes(tenants: readonly string[], isAwaited = true): Promise<readonly number[]> {
    (isAwaited ? this.asked : this.askedBehind).push(...tenants);
    return tenants.map((tenant) => tenant.length * this.factor);
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
    assert.deepEqual([store.taken, store.unawaited], [2, 1], "in no hurry");
    store.complete = true;
    await until("the next one has seen all", async () => (await inventories.whole()).ageMs === 0);
  });

  test("what is too old is waited for", async () => {
    const { store, inventories } = open(0, 0);
    await inventories.whole();
    const { ageMs } = await inventories.whole();
    assert.equal(ageMs, 0);
    assert.deepEqual([store.taken, store.unawaited], [2, 0]);
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

  test("after a while all of them, behind whoever asks", async () => {
    const { store, inventories } = open(0);
    await inventories.bytesOf(many);
    store.factor = 10;
    const old = many.map((id) => id.length);
    assert.deepEqual(await inventories.bytesOf(many), old, "nobody waits");
    assert.deepEqual([store.asked, store.askedBehind], [many, many]);
    await until("they are known", async () => (await inventories.bytesOf(many))[0] === 10 * (old[0] ?? 0));
  });

  test("what is too old is waited for", async () => {
    const { store, inventories } = open(0, 0);
    await inventories.bytesOf(many);
    store.factor = 10;
    assert.equal((await inventories.bytesOf(many))[0], 10 * "tenant-0".length);
    assert.deepEqual(store.askedBehind, []);
  });

  test("whoever asks about others while the sums are renewed is told of all", async () => {
    const { inventories } = open(0);
    const others = many.map((id) => `other-${id}`);
    await inventories.bytesOf([...many, ...others]);
    const [some, all] = await Promise.all([
      inventories.bytesOf(many),
      inventories.bytesOf([...many, ...others, "another"]),
    ]);
    assert.ok(some.every((bytes) => bytes > 0) && all.every((bytes) => bytes > 0));
  });
});
