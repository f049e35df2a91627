// Grouped reads: shared only with requests that arrived before they were sent.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { GroupedReads } from "../../src/engine/grouped-reads.js";
import { StoreGate } from "../../src/engine/store-gate.js";
import { KeySpace } from "../../src/store/key-space.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";

const MIB = 1024 * 1024;

/** The in-process store, whose fence reads are counted and answered when the test says so. */
class HeldStore extends MemoryStore {
  readonly reads: { keys: readonly string[]; answer: () => void }[] = [];
  isHeld = false;

  override async read(fenceKeys: readonly string[], entryKeys: readonly string[]) {
    const snapshot = await super.read(fenceKeys, entryKeys);
    if (this.isHeld)
      await new Promise<void>((answer) => this.reads.push({ keys: [...fenceKeys, ...entryKeys], answer }));
    else this.reads.push({ keys: [...fenceKeys, ...entryKeys], answer: () => undefined });
    return snapshot;
  }
}

async function open() {
  const store = new HeldStore({ maxBytes: MIB, maxTenantBytes: MIB });
  const keys = new KeySpace("", false);
  const options = {
    budgetMs: PATIENT.budgetMs,
    failureThreshold: 3,
    probeIntervalMs: 100,
    maxProbeIntervalMs: 100,
    maxPendingInvalidations: 10,
    fenceTtlMs: 60_000,
  };
  const gate = new StoreGate(store, keys, options, quiet);
  await gate.whenClosed(READY_WITHIN_MS);
  const fence = keys.fence("t", "accounts");
  await store.replaceFences([fence]);
  const reads = new GroupedReads(store, gate, false);
  const carried = async () => {
    const answer = await reads.read([fence]);
    return { runId: answer.runId, fences: [answer.fence(fence) ?? ""] };
  };
  return { store, gate, fence, reads, carried };
}

const turn = () => new Promise(setImmediate);

describe("fence reads", () => {
  test("requests of one turn of the event loop share one read", async () => {
    const { store, reads, fence } = await open();
    await Promise.all(Array.from({ length: 100 }, (_, index) => reads.read([fence, `other-${index % 3}`])));
    assert.deepEqual(
      store.reads.map(({ keys }) => keys.length),
      [4],
    );
  });

  test("a request that arrives while a read is under way waits for the next one", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const early = reads.read([fence]);
    while (store.reads.length < 1) await turn();
    await store.replaceFences([fence]);
    const late = [reads.read([fence]), reads.read([fence])];
    await turn();
    assert.equal(store.reads.length, 1, "one in flight, one waiting");
    store.reads[0]?.answer();
    const before = (await early).fence(fence);
    while (store.reads.length < 2) await turn();
    store.reads[1]?.answer();
    const [first, second] = await Promise.all(late);
    assert.notEqual(first?.fence(fence), before, "the late ones see the replaced fence");
    assert.equal(first, second);
    assert.equal(store.reads.length, 2);
  });

  test("a read of entries is not held for one under way", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const answers = [reads.read([fence], "first")];
    await turn();
    answers.push(reads.read([fence], "second"), reads.read([fence], "third"));
    await turn();
    assert.deepEqual(
      store.reads.map(({ keys }) => keys),
      [
        [fence, "first"],
        [fence, "second", "third"],
      ],
    );
    for (const { answer } of store.reads) answer();
    await Promise.all(answers);
  });

  test("a crowd waits here, and not in the store: so many entries are asked for at once, and the rest as answers come", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const CROWD = 1000;
    const answers = Array.from({ length: CROWD }, (_, index) => reads.read([fence], `entry-${index}`));
    await turn();
    const asked = () => store.reads.reduce((sum, { keys }) => sum + keys.length - 1, 0);
    assert.ok(asked() < CROWD / 2, `${asked()} at once`);
    assert.ok(store.reads.every(({ keys }) => keys.length - 1 <= 32));
    // Fences alone stand behind no crowd.
    const light = reads.read([fence]);
    let answered = 0;
    while (answered < store.reads.length) {
      store.reads[answered++]?.answer();
      await turn();
      await turn();
    }
    await Promise.all([...answers, light]);
    assert.equal(asked(), CROWD);
  });

  test("what is full is sent at once, and the rest with the turn", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const answers = Array.from({ length: 40 }, (_, index) => reads.read([fence], `entry-${index}`));
    // Behind all promises, before the turn has ended.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    assert.deepEqual(
      store.reads.map(({ keys }) => keys.length - 1),
      [32],
    );
    await turn();
    assert.deepEqual(
      store.reads.map(({ keys }) => keys.length - 1),
      [32, 8],
    );
    for (const { answer } of store.reads) answer();
    await Promise.all(answers);
  });

  test("who asks for an entry that a full read waits to ask for shares that", async () => {
    const { store, reads, fence } = await open();
    store.isHeld = true;
    const WINDOW = 128;
    const answers = Array.from({ length: WINDOW + 32 }, (_, index) => reads.read([fence], `entry-${index}`));
    const last = `entry-${WINDOW + 31}`;
    answers.push(reads.read([fence], last), reads.read([fence], `entry-${WINDOW}`));
    let answered = 0;
    do {
      await turn();
      store.reads[answered++]?.answer();
      await turn();
    } while (answered < store.reads.length);
    await Promise.all(answers);
    const asked = store.reads.flatMap(({ keys }) => keys.slice(1));
    assert.equal(asked.length, WINDOW + 32);
    assert.equal(asked.filter((key) => key === last).length, 1);
  });

  test("within maxStaleness an answer is remembered; this process's own changes are seen at once", async () => {
    const { reads, fence, carried } = await open();
    assert.equal(reads.recalls([fence], await carried(), 60_000), false, "nothing has been read yet");
    const known = await carried();
    assert.equal(reads.recalls([fence], known, 60_000), true);
    assert.equal(reads.recalls([fence], { ...known, fences: ["another"] }, 60_000), false);
    assert.equal(reads.recalls([fence], { ...known, runId: "another" }, 60_000), false);
    assert.equal(reads.recalls([fence], known, -1), false, "too long ago");
    reads.forget([fence]);
    assert.equal(reads.recalls([fence], known, 60_000), false);
  });

  test("a read that was sent before this process's own change is not remembered", async () => {
    const { store, reads, fence, carried } = await open();
    const known = await carried();
    assert.equal(reads.recalls([fence], known, 60_000), false);
    store.isHeld = true;
    const early = reads.read([fence]);
    while (store.reads.length < 2) await turn();
    reads.forget([fence]);
    store.reads[1]?.answer();
    await early;
    assert.equal(reads.recalls([fence], known, 60_000), false);
  });

  test("a failed read rejects its requests, and the next one is sent all the same", async () => {
    const { store, gate, reads, fence } = await open();
    gate.stop();
    await assert.rejects(reads.read([fence]), { name: "StoreUnavailable" });
    await assert.rejects(reads.read([fence]), { name: "StoreUnavailable" });
    assert.equal(store.reads.length, 0);
  });
});
