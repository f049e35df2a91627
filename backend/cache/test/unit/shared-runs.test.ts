// Runs that are shared without a store: nobody gets an answer that began before its request, and two run at a time at most.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import type { Waiter } from "../../src/engine/bounded-wait.js";
import type { EntryRef } from "../../src/engine/entry-ref.js";
import { type SharedOutcome, SharedRuns } from "../../src/engine/shared-runs.js";
import { SkippedEntries } from "../../src/engine/skipped-entries.js";
import { leaver, recording, ref } from "../support/slow-engine.js";

const WAIT_MS = 60_000;
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

const turn = () => new Promise(setImmediate);

function open({ waitMs = WAIT_MS, maxWaiting = 100 } = {}) {
  const runs = new SharedRuns(new SkippedEntries(WAIT_MS), { waitMs, maxWaiting });
  const ask = (of: EntryRef = ref("a"), waiter?: Waiter) => runs.open(of, waiter);
  return { runs, ask };
}

type Lead = Extract<SharedOutcome, { kind: "lead" }>;

function leads(outcome: SharedOutcome): Lead {
  assert.equal(outcome.kind, "lead");
  return outcome as Lead;
}

const bodyOf = (outcome: SharedOutcome) =>
  outcome.kind === "follow" ? outcome.entry.body.toString() : outcome.kind;

describe("shared runs", () => {
  test("those who come while a handler runs share the next one, and not that", async () => {
    const { runs, ask } = open();
    const first = leads(await ask());
    assert.equal(first.fill, undefined, "nobody has come before it");
    const late = [ask(), ask(), ask()];
    await turn();
    first.ended();
    const second = leads((await late[0]) as SharedOutcome);
    const latest = ask();
    // As a recorder does: the handler has ended its answer before that is handed over.
    second.ended();
    second.fill?.commit(recording("second"));
    assert.deepEqual((await Promise.all(late.slice(1))).map(bodyOf), ["second", "second"]);
    const third = leads(await latest);
    assert.equal(third.fill, undefined);
    third.ended();
    assert.equal(runs.size, 0);
  });

  test("different requests whose keys collide share nothing", async () => {
    const { ask } = open();
    leads(await ask(ref("the member's view")));
    assert.equal((await ask(ref("the admin's view"))).kind, "alone");
  });

  test("a handler that takes too long is not waited for: the next runs beside it, and all who came share that", async () => {
    const { runs, ask } = open({ waitMs: 30 });
    const hung = leads(await ask());
    const late = ask();
    const second = leads(await late);
    hung.ended();
    assert.equal(runs.size, 1, "the second runs still");
    second.ended();
    assert.equal(runs.size, 0);
  });

  test("what may not be stored is not shared, and for a while nobody waits for it", async () => {
    const { ask } = open();
    const first = leads(await ask());
    const late = [ask(), ask()];
    await turn();
    first.ended();
    leads((await late[0]) as SharedOutcome).fill?.abandon("unstorable");
    assert.equal((await late[1])?.kind, "alone");
    assert.equal((await ask()).kind, "alone");
  });

  test("where the client of a run goes, those who waited share the next", async () => {
    const { ask } = open();
    const first = leads(await ask());
    const late = [ask(), ask(), ask()];
    await turn();
    first.ended();
    const broken = leads((await late[0]) as SharedOutcome);
    broken.fill?.abandon("failed");
    broken.ended();
    const next = leads((await late[1]) as SharedOutcome);
    next.fill?.commit(recording("next"));
    next.ended();
    const last = await late[2];
    assert.ok(last && (last.kind === "follow" || last.kind === "lead"));
  });

  test("where the client has gone before its turn, another leads", async () => {
    const { runs, ask } = open();
    const first = leads(await ask());
    const { waiter, leave } = leaver();
    const gone = ask(ref("a"), waiter);
    const other = ask();
    await turn();
    leave();
    first.ended();
    assert.equal((await gone).kind, "alone");
    leads(await other).ended();
    assert.equal(runs.size, 0);
  });

  test("no more than may wait do", async () => {
    const { ask } = open({ maxWaiting: 1 });
    leads(await ask());
    void ask();
    void ask();
    await turn();
    assert.equal((await ask()).kind, "alone");
  });

  test("clients that have gone keep nobody from waiting, whether they gathered first or joined", async () => {
    const { ask } = open({ maxWaiting: 1 });
    const first = leads(await ask());
    const clients = [leaver(), leaver()];
    const gone = clients.map(({ waiter }) => ask(ref("a"), waiter));
    await turn();
    for (const { leave } of clients) leave();
    assert.deepEqual((await Promise.all(gone)).map(bodyOf), ["alone", "alone"], "while the handler runs");
    const late = [ask(), ask()];
    await turn();
    first.ended();
    const next = leads((await late[0]) as SharedOutcome);
    next.fill?.commit(recording("next"));
    next.ended();
    assert.equal(bodyOf((await late[1]) as SharedOutcome), "next");
  });

  test("an error is shared where the load tells of it", async () => {
    const { ask } = open();
    const first = leads(await ask());
    const late = [ask(), ask()];
    await turn();
    first.ended();
    leads((await late[0]) as SharedOutcome).fill?.fail(new Error("no database"));
    assert.equal((await late[1])?.kind, "failed");
  });
});
