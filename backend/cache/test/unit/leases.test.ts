// Leases that nobody holds any more, and values that the store never takes.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { NotConnected, ValueTooLarge } from "../../src/store/store-errors.js";
import { ask, openEngine, recording, ref, request, type SlowStore } from "../support/slow-engine.js";

const turn = () => new Promise(setImmediate);

// The engine's timers keep no process alive, which here is all there is; elsewhere sockets do.
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

/** No lease ends by itself while a test runs. */
const PATIENCE_MS = 600_000;
const AWAY = new NotConnected("connection closed");

/** Whether another process could begin now; if so, it gives up at once. */
async function isFree(store: SlowStore): Promise<boolean> {
  const asked = request(ref("a"));
  const { lease } = await store.beginFill(asked);
  if (lease !== "leading" || !asked.lease) return false;
  await store.abandonFill(asked.lease, 0);
  return true;
}

async function untilFree(store: SlowStore): Promise<void> {
  while (!(await isFree(store))) await turn();
}

/** An engine whose first fill has ended while the store was away: the store still has its lease. */
async function openOwing() {
  const opened = await openEngine({ waitMs: PATIENCE_MS });
  const { engine, store } = opened;
  const first = await ask(engine, ref("a"));
  store.away = { error: AWAY, isAnswerLost: false };
  if (first.kind === "lead") first.fill.abandon("failed");
  await engine.idle();
  store.away = undefined;
  return opened;
}

describe("a lease of this process", () => {
  test("that could not be given back is the next fill's, which waits for nobody", async () => {
    const { engine, store } = await openOwing();
    const { begun } = store;
    const second = await ask(engine, ref("a"));
    assert.equal(second.kind, "lead");
    assert.equal(store.begun - begun, 1, "it was asked once");
    if (second.kind === "lead") second.fill.commit(recording("a"));
    await engine.idle();
    assert.equal((await engine.lookups.read(ref("a"))).kind, "hit");
    await store.replaceFences(ref("a").fenceKeys);
    assert.equal(await isFree(store), true, "storing has given it back");
    await engine.close();
  });

  test("that could not be given back is given back later, without anybody asking", async () => {
    const { engine, store } = await openOwing();
    assert.equal(await isFree(store), false);
    await untilFree(store);
    await engine.close();
  });

  test("that was taken without this process knowing is given back, too", async () => {
    const { engine, store } = await openEngine({ waitMs: PATIENCE_MS });
    store.away = { error: AWAY, isAnswerLost: true };
    assert.deepEqual(await ask(engine, ref("a")), { kind: "run", reason: "store-unavailable" });
    store.away = undefined;
    assert.equal(await isFree(store), false);
    await untilFree(store);
    await engine.close();
  });
});

describe("a value that the store never takes", () => {
  async function fill(engine: Awaited<ReturnType<typeof openEngine>>["engine"], of = ref("a"), text = "a") {
    const outcome = await ask(engine, of);
    if (outcome.kind === "lead") outcome.fill.commit(recording(text));
    await engine.idle();
    return outcome.kind;
  }

  test("for its size: it is told once, and neither it nor what is larger is sent again", async () => {
    const lines: string[] = [];
    const warn = (line: string) => void lines.push(line);
    const { engine, store } = await openEngine({
      waitMs: PATIENCE_MS,
      logger: { info: warn, warn, error: warn },
    });
    store.failure = new ValueTooLarge("ERR Protocol error: invalid bulk length");
    for (let requests = 0; requests < 5; requests++)
      assert.equal(await fill(engine, ref("a"), "x".repeat(5000)), "lead");
    assert.equal(store.commits, 1);
    assert.equal((await store.beginFill(request(ref("a")))).lease, "skipped", "others need not wait");
    const other = { ...ref("b"), entryKey: `${ref("b").entryKey}-b`, leaseKey: `${ref("b").leaseKey}-b` };
    assert.equal(await fill(engine, other, "x".repeat(6000)), "lead");
    assert.equal(store.commits, 1);
    assert.equal(engine.gate.state, "closed");
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(lines[0] ?? "", /the store refuses values of \d+ bytes \(ERR Protocol error/);

    store.failure = undefined;
    assert.equal(await fill(engine, other, "small"), "lead");
    assert.equal((await engine.lookups.read(other)).kind, "hit", "what is smaller is stored");
    await engine.close();
  });

  test("for a reason of the server's own: after the second time it is not sent again", async () => {
    const { engine, store } = await openEngine({ waitMs: PATIENCE_MS });
    store.failure = new Error("ERR value is too complicated");
    for (let requests = 0; requests < 5; requests++) await fill(engine);
    assert.equal(store.commits, 2);
    assert.equal((await store.beginFill(request(ref("a")))).lease, "skipped");
    assert.equal(engine.gate.state, "closed");
    await engine.close();
  });
});
