// Grouped fence reads: shared only with requests that arrived before they were sent.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FenceReads } from "../../cache/engine/fence-reads.js";
import { StoreGate } from "../../cache/engine/store-gate.js";
import { KeySpace } from "../../cache/store/key-space.js";
import { MemoryStore } from "../../cache/store/memory-store.js";
import { quiet } from "../support/caches.js";

const MIB = 1024 * 1024;

/** The in-process store, whose fence reads are counted and answered when the test says so. */
class HeldStore extends MemoryStore {
  readonly reads: { keys: readonly string[]; answer: () => void }[] = [];
  isHeld = false;

  override async readFences(fenceKeys: readonly string[]) {
    const snapshot = await super.readFences(fenceKeys);
    if (this.isHeld) await new Promise<void>((answer) => this.reads.push({ keys: fenceKeys, answer }));
    else this.reads.push({ keys: fenceKeys, answer: () => undefined });
    return snapshot;
  }
}

async function open() {
  const store = new HeldStore({ maxBytes: MIB, maxTenantBytes: MIB });
  const keys = new KeySpace("", false);
  const options = {
    budgetMs: 5000,
    failureThreshold: 3,
    probeIntervalMs: 100,
    maxProbeIntervalMs: 100,
    maxPendingInvalidations: 10,
    fenceTtlMs: 60_000,
  };
  const gate = new StoreGate(store, keys, options, quiet);
  await gate.whenClosed(1000);
  const fence = keys.fence("t", "accounts");
  await store.replaceFences([fence]);
  return { store, gate, fence, reads: new FenceReads(store, gate) };
}

const turn = () => new Promise(setImmediate);

describe("fence reads", () => {
  test("requests of one turn of the event loop share one read", async () => {
    const { store, reads, fence } = await open();
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => reads.read([fence, `other-${index % 3}`], 0)),
    );
    assert.deepEqual(
      store.reads.map(({ keys }) => keys.length),
      [4],
    );
  });

  test("a request that arrives while a read is under way waits for the next one", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const early = reads.read([fence], 0);
    while (store.reads.length < 1) await turn();
    await store.replaceFences([fence]);
    const late = [reads.read([fence], 0), reads.read([fence], 0)];
    await turn();
    assert.equal(store.reads.length, 1, "one in flight, one waiting");
    store.reads[0]?.answer();
    const before = (await early).fences;
    while (store.reads.length < 2) await turn();
    store.reads[1]?.answer();
    const [first, second] = await Promise.all(late);
    assert.notDeepEqual(first?.fences, before, "the late ones see the replaced fence");
    assert.deepEqual(first, second);
    assert.equal(store.reads.length, 2);
  });

  test("within maxStaleness an answer is reused; this process's own changes are seen at once", async () => {
    const { store, reads, fence } = await open();
    const first = await reads.read([fence], 60_000);
    assert.deepEqual(await reads.read([fence], 60_000), first);
    assert.equal(store.reads.length, 1);
    reads.forget([fence]);
    await store.replaceFences([fence]);
    assert.notDeepEqual(await reads.read([fence], 60_000), first);
  });

  test("a read that was sent before this process's own change is not remembered", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const early = reads.read([fence], 60_000);
    while (store.reads.length < 1) await turn();
    reads.forget([fence]);
    await store.replaceFences([fence]);
    store.reads[0]?.answer();
    const old = await early;
    store.isHeld = false;
    assert.notDeepEqual(await reads.read([fence], 60_000), old);
  });

  test("a failed read rejects its requests, and the next one is sent all the same", async () => {
    const { store, gate, reads, fence } = await open();
    gate.stop();
    await assert.rejects(reads.read([fence], 0), { name: "StoreUnavailable" });
    await assert.rejects(reads.read([fence], 0), { name: "StoreUnavailable" });
    assert.equal(store.reads.length, 0);
  });
});
