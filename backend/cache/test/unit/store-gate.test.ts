// The gate before the store: what opens it, what closes it, and who pays for finding out.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { DeadlineQueue } from "../../src/engine/deadline-queue.js";
import { StoreGate } from "../../src/engine/store-gate.js";
import { KeySpace } from "../../src/store/key-space.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import type { StoreListener } from "../../src/store/store.js";
import { READY_WITHIN_MS } from "../support/caches.js";

const MIB = 1024 * 1024;

// The gate's timers keep no process alive, which here is all there is; elsewhere sockets do.
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

/** An in-process store that hangs or fails when the test says so, and counts what it is asked. */
class TroubledStore extends MemoryStore {
  mode: "well" | "hangs" | "fails" = "well";
  asked = 0;
  readonly replaced: string[][] = [];
  listener: StoreListener | undefined;

  override listen(listener: StoreListener): void {
    this.listener = listener;
    listener.up();
  }
  override async ping(): Promise<void> {
    return this.#answer(undefined);
  }
  override async read(fenceKeys: readonly string[], entryKeys: readonly string[]) {
    return this.#answer(await super.read(fenceKeys, entryKeys));
  }
  override async replaceFences(fenceKeys: readonly string[]): Promise<void> {
    await this.#answer(undefined);
    this.replaced.push([...fenceKeys]);
    await super.replaceFences(fenceKeys);
  }
  async #answer<T>(value: T): Promise<T> {
    this.asked++;
    if (this.mode === "hangs") return new Promise(() => undefined);
    if (this.mode === "fails") throw new Error("LOADING");
    return value;
  }
}

async function open(budgetMs = 20) {
  const store = new TroubledStore({ maxBytes: MIB, maxTenantBytes: MIB });
  const keys = new KeySpace("", false);
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const options = {
    budgetMs,
    failureThreshold: 3,
    probeIntervalMs: 5,
    maxProbeIntervalMs: 10,
    maxPendingInvalidations: 100,
    fenceTtlMs: 60_000,
  };
  const gate = new StoreGate(store, keys, options, { info: log, warn: log, error: log });
  assert.equal(await gate.whenClosed(READY_WITHIN_MS), true);
  const read = () => gate.run(() => store.read(["fence:t"], []));
  const invalidate = (tenant: string) =>
    gate.invalidate(tenant, [keys.fence(tenant, "accounts")], () =>
      store.replaceFences([keys.fence(tenant, "accounts")]),
    );
  return { store, gate, read, invalidate, lines };
}

describe("store gate", () => {
  test("a store that hangs is found out by those who asked in the first budget; everybody after them is told at once", async () => {
    const { store, gate, read } = await open();
    await read();
    store.mode = "hangs";
    store.asked = 0;
    const first = await Promise.allSettled([read(), read(), read()]);
    assert.deepEqual(
      first.map(({ status }) => status),
      ["rejected", "rejected", "rejected"],
    );
    assert.notEqual(gate.state, "closed");
    const askedByRequests = store.asked;
    for (let index = 0; index < 100; index++) await assert.rejects(read(), { name: "StoreUnavailable" });
    assert.ok(store.asked - askedByRequests <= 1, "only a probe may have asked since");
  });

  test("one slow answer among good ones does not open it, failures in a row do", async () => {
    // So long that the others are heard in it, however busy the machine is.
    const { store, gate, read } = await open(1000);
    const slow = gate.run(() => new Promise(() => undefined));
    const others = setInterval(() => void read(), 1);
    await assert.rejects(slow, { name: "DeadlineExceeded" });
    clearInterval(others);
    assert.equal(gate.state, "closed");
    await read();
    store.mode = "fails";
    for (let index = 0; index < 3; index++) await assert.rejects(read(), /LOADING/);
    assert.equal(gate.state, "open");
  });

  test("it closes by itself when the store answers again, after what was missed has been replayed in order", async () => {
    const { store, gate, read, invalidate, lines } = await open();
    store.mode = "hangs";
    assert.equal(await invalidate("a"), false);
    assert.equal(await invalidate("b"), false);
    assert.equal(await invalidate("a"), false);
    assert.equal(gate.recovery.size, 2);
    store.mode = "well";
    assert.equal(await gate.whenClosed(READY_WITHIN_MS), true);
    assert.deepEqual(store.replaced, [["fence:a:accounts"], ["fence:b:accounts"]]);
    await read();
    assert.equal(lines.length, 2, lines.join("\n"));
  });

  test("an invalidation that comes while others are being replayed is replayed before the gate closes", async () => {
    const { store, gate, invalidate } = await open();
    store.mode = "fails";
    assert.equal(await invalidate("a"), false);
    const replace = store.replaceFences.bind(store);
    let came: Promise<boolean> | undefined;
    store.replaceFences = async (fenceKeys) => {
      await replace(fenceKeys);
      // Between the replay's last write and the moment that the gate hears of it.
      came ??= invalidate("late");
    };
    store.mode = "well";
    assert.equal(await gate.whenClosed(READY_WITHIN_MS), true);
    assert.equal(await came, false);
    assert.deepEqual(store.replaced.at(-1), ["fence:late:accounts"]);
    assert.equal(gate.recovery.isEmpty, true);
  });

  test("a lost connection opens it at once, and a new one is tried at once", async () => {
    const { store, gate, read } = await open();
    store.listener?.down("connection closed");
    await assert.rejects(read(), { name: "StoreUnavailable" });
    store.listener?.up();
    assert.equal(await gate.whenClosed(READY_WITHIN_MS), true);
    await read();
  });
});

describe("deadline queue", () => {
  test("answers that have arrived while the process was busy are not taken for late", async () => {
    const queue = new DeadlineQueue(5);
    let arrive: (value: string) => void = () => undefined;
    const raced = queue.race(
      new Promise<string>((resolve) => {
        arrive = resolve;
      }),
    );
    setImmediate(() => arrive("in time"));
    busyForMs(20);
    assert.equal(await raced, "in time");
  });

  test("a process whose turns are long does not take its store for slow", async () => {
    const queue = new DeadlineQueue(5);
    let turns = 0;
    const answer = new Promise<string>((resolve) => {
      const turn = () => {
        busyForMs(10);
        // Sent in one turn, read in another.
        if (++turns === 3) resolve("in time");
        else setImmediate(turn);
      };
      setImmediate(turn);
    });
    assert.equal(await queue.race(answer), "in time");
  });

  test("each operation has the whole budget, and errors pass through", async () => {
    const queue = new DeadlineQueue(10);
    await assert.rejects(queue.race(Promise.reject(new Error("its own"))), /its own/);
    const startedAtMs = performance.now();
    await assert.rejects(queue.race(new Promise(() => undefined)), { name: "DeadlineExceeded" });
    await assert.rejects(queue.race(new Promise(() => undefined)), { name: "DeadlineExceeded" });
    assert.ok(performance.now() - startedAtMs >= 20);
  });
});

function busyForMs(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}
