// Fills: who waits for whom, and for how long at most.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, describe, test } from "@jest/globals";
import { READY_WITHIN_MS } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import {
  ask,
  askToFill,
  leadsAtOnce,
  leaver,
  MAX_WAITING,
  openEngine,
  recording,
  ref,
  request,
  WAIT_MS,
} from "../support/slow-engine.js";

const turn = () => new Promise(setImmediate);

// The engine's timers keep no process alive, which here is all there is; elsewhere sockets do.
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

describe("fills", () => {
  test("two requests whose keys collide do not share an answer", async () => {
    const { engine } = await openEngine();
    const leader = await ask(engine, ref("the member's view"));
    assert.equal(leader.kind, "lead");
    const other = ask(engine, ref("the admin's view"));
    await turn();
    await turn();
    if (leader.kind === "lead") leader.fill.commit(recording("for the member only"));
    assert.notEqual((await other).kind, "follow");
    await engine.close();
  });

  test("requests that come while the store is asked for a fill's start do not ask it, too", async () => {
    const { engine, store } = await openEngine();
    const answered = gate();
    store.held = answered.passed;
    const outcomes = Array.from({ length: 8 }, () => ask(engine, ref("a")));
    while (store.begun === 0) await turn();
    // All of them have come by now.
    await turn();
    answered.open();
    const leader = await outcomes[0];
    assert.equal(leader?.kind, "lead");
    if (leader?.kind === "lead") leader.fill.commit(recording("once"));
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["lead", ...Array.from({ length: 7 }, () => "follow")]);
    assert.equal(store.begun, 1);
    await engine.close();
  });

  test("an entry that was there when another request asked is not given to one that has seen a change since", async () => {
    const { engine, store } = await openEngine();
    const filled = await ask(engine, ref("a"));
    if (filled.kind === "lead") filled.fill.commit(recording("old"));
    await engine.idle();
    const seen = await engine.lookups.read(ref("a"));
    assert.equal(seen.kind, "hit");
    const answered = gate();
    store.held = answered.passed;
    const early = engine.lookups.miss(ref("a")).open();
    await store.replaceFences(ref("a").fenceKeys);
    const late = ask(engine, ref("a"));
    await turn();
    answered.open();
    const found = await early;
    assert.equal(found.kind === "follow" && String(found.entry.body), "old", "it came before the change");
    assert.equal((await late).kind, "lead");
    await engine.close();
  });

  test("a leader that never answers holds nobody up for longer than the wait budget, and then another leads", async () => {
    const { engine, store } = await openEngine();
    assert.equal((await ask(engine, ref("a"))).kind, "lead");
    await delay(WAIT_MS + 20);
    await leadsAtOnce(engine, store);
    await engine.close();
  });

  test("followers that have gone keep nobody from waiting", async () => {
    const { engine } = await openEngine({ waitMs: 60_000 });
    const leader = await ask(engine, ref("a"));
    const clients = Array.from({ length: MAX_WAITING }, leaver);
    const gone = clients.map(({ waiter }) => ask(engine, ref("a"), waiter));
    await turn();
    assert.deepEqual(
      await ask(engine, ref("a")),
      { kind: "run", reason: "wait-exceeded" },
      "all places are taken",
    );
    for (const { leave } of clients) leave();
    for (const each of gone) assert.equal((await each).kind, "run", "it is not waited for");
    const late = Array.from({ length: MAX_WAITING }, () => ask(engine, ref("a")));
    await turn();
    if (leader.kind === "lead") leader.fill.commit(recording("shared"));
    for (const each of late) assert.equal((await each).kind, "follow");
    await engine.close();
  });

  test("who has asked together with a client that goes waits on", async () => {
    const { engine, store } = await openEngine({ waitMs: 60_000 });
    const leader = await ask(engine, ref("a"));
    const answered = gate();
    store.held = answered.passed;
    const { waiter, leave } = leaver();
    // Neither has seen the fences, so that the first asks the store, and the second waits for what it decides.
    const gone = engine.lookups.miss(ref("a")).open(undefined, waiter);
    const other = engine.lookups.miss(ref("a")).open();
    await turn();
    answered.open();
    await turn();
    leave();
    assert.equal((await gone).kind, "run");
    await turn();
    if (leader.kind === "lead") leader.fill.commit(recording("shared"));
    assert.equal((await other).kind, "follow");
    await engine.close();
  });

  test("a fill whose start was answered too late leaves no lease behind", async () => {
    const { engine, store } = await openEngine({ budgetMs: 30 });
    const answered = gate();
    store.held = answered.passed;
    const late = await ask(engine, ref("a"));
    assert.deepEqual(late, { kind: "run", reason: "store-unavailable" });
    store.held = undefined;
    answered.open();
    await turn();
    await engine.idle();
    await leadsAtOnce(engine, store);
    await engine.close();
  });

  test("a fill that cannot be stored gives its lease back", async () => {
    const { engine, store } = await openEngine();
    store.failure = new Error("LOADING");
    const first = await ask(engine, ref("a"));
    if (first.kind === "lead") first.fill.commit(recording("a"));
    await engine.idle();
    store.failure = undefined;
    await leadsAtOnce(engine, store);
    await engine.close();
  });

  test("a fill that ends while the circuit is open gives its lease back", async () => {
    const { engine, store } = await openEngine();
    const first = await ask(engine, ref("a"));
    engine.gate.distrust(new Error("LOADING"));
    if (first.kind === "lead") first.fill.abandon("failed");
    await engine.idle();
    assert.equal(await engine.gate.whenClosed(READY_WITHIN_MS), true);
    await leadsAtOnce(engine, store);
    await engine.close();
  });

  test("a look that begins the fill is one question, for all who ask in the same turn", async () => {
    const { engine, store } = await openEngine();
    const outcomes = Array.from({ length: 8 }, () => askToFill(engine, ref("a")));
    const leader = await outcomes[0];
    assert.equal(leader?.kind, "lead");
    // Its handler has answered before the others get to know of it.
    if (leader?.kind === "lead") leader.fill.commit(recording("once"));
    const kinds = (await Promise.all(outcomes)).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["lead", ...Array.from({ length: 7 }, () => "follow")]);
    assert.deepEqual([store.begun, store.reads], [1, 0]);
    await engine.idle();
    assert.equal((await engine.lookups.readToFill(ref("a"))).kind, "hit");
    await engine.close();
  });

  test("requests that look while a fill is under way follow it", async () => {
    const { engine } = await openEngine({ waitMs: 60_000 });
    const leader = await askToFill(engine, ref("a"));
    const follower = askToFill(engine, ref("a"));
    await turn();
    await turn();
    if (leader.kind === "lead") leader.fill.commit(recording("once"));
    assert.equal((await follower).kind, "follow");
    await engine.close();
  });

  test("two requests whose keys collide do not share a look", async () => {
    const { engine } = await openEngine();
    const [member, admin] = await Promise.all([
      askToFill(engine, ref("member")),
      askToFill(engine, ref("admin")),
    ]);
    if (member.kind === "lead") member.fill.commit(recording("for the member only"));
    assert.equal(member.kind, "lead");
    assert.notEqual(admin.kind, "follow");
    await engine.close();
  });

  test("a look that finds a fill not to be storable shares nothing", async () => {
    const { engine, store } = await openEngine();
    const first = await askToFill(engine, ref("a"));
    if (first.kind === "lead") first.fill.abandon("unstorable");
    await engine.idle();
    const [one, other] = await Promise.all([askToFill(engine, ref("a")), askToFill(engine, ref("a"))]);
    assert.deepEqual([one.kind, other.kind], ["lead", "lead"]);
    assert.equal((await store.beginFill(request(ref("a")))).lease, "skipped");
    await engine.close();
  });

  test("a look that may not be answered from what it finds leaves no lease behind", async () => {
    const { engine, store } = await openEngine();
    await store.beginWrite(ref("a").fenceKeys, "writer", 60_000);
    assert.deepEqual(await engine.lookups.readToFill(ref("a")), { kind: "bypass", reason: "write-pending" });
    await engine.idle();
    await store.endWrite(ref("a").fenceKeys, "writer");
    assert.equal((await store.beginFill(request(ref("a")))).lease, "leading");
    await engine.close();
  });

  test("where entries are found they are read together, and a miss among them asks once more", async () => {
    const { engine, store } = await openEngine();
    const filled = await askToFill(engine, ref("a"));
    if (filled.kind === "lead") filled.fill.commit(recording("a"));
    await engine.idle();
    assert.equal((await engine.lookups.readToFill(ref("a"))).kind, "hit");
    const before = [store.begun, store.reads];
    assert.equal((await engine.lookups.readToFill(ref("a"))).kind, "hit");
    assert.deepEqual([store.begun, store.reads], [before[0], (before[1] ?? 0) + 1]);
    await store.replaceFences(ref("a").fenceKeys);
    assert.equal((await askToFill(engine, ref("a"))).kind, "lead");
    assert.deepEqual([store.begun, store.reads], [(before[0] ?? 0) + 1, (before[1] ?? 0) + 2]);
    await engine.close();
  });
});
