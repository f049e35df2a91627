// The queue of AI actions: leases, attempts, dead letters, and that nothing is done twice or lost.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { MAX_OPEN_ACTIONS } from "../../services/overlay/ai/ai-cache-service.js";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import { ADA, BOB, type OverlayDatabase, startOverlay, TENANT } from "../support/overlay-database.js";

const withStatus = (status: number) => (error: unknown) =>
  error instanceof HttpProblem && error.status === status;

describe("the queue of AI actions", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  const age = async (id: string, sql: string) => {
    await db.pool.query(`UPDATE overlay_ai_actions SET ${sql} WHERE id = $1`, [id]);
  };

  test("it is state: FLUSHALL takes nothing, and what is sealed is not readable", async () => {
    const ada = db.as(ADA);
    const added = await ada.addAIAction(
      ADA,
      { type: "summarize", payload: { about: "Ada Lovelace" }, client_id: "hubspot:1" },
      "assistant",
    );
    assert.equal(added.requested_by, "assistant");
    await db.redis.flushall();
    assert.deepEqual(await ada.getAIQueue(ADA), [added]);
    const { rows } = await db.pool.query("SELECT a::text AS text FROM overlay_ai_actions a");
    assert.doesNotMatch(rows[0].text, /Lovelace|hubspot:1/);
    const [log] = await db.trail.getAuditLogs(TENANT, "ai_action", added.id);
    assert.deepEqual([log?.action, log?.actor.id], ["read", ADA]);
    const [claimed] = await ada.claimAIActions(ADA);
    await ada.completeAIAction(added.id, claimed?.lease ?? "");
  });

  test("priority first, then age; what is not due waits", async () => {
    const ada = db.as(ADA);
    const add = (type: string, more: object) => ada.addAIAction(ADA, { type, ...more });
    await add("low", { priority: -1 });
    await add("first", {});
    await add("second", {});
    await add("urgent", { priority: 9 });
    await add("later", { priority: 99, due_at: new Date(Date.now() + 3_600_000).toISOString() });
    const claimed = await ada.claimAIActions(ADA, { limit: 10 });
    assert.deepEqual(
      claimed.map(({ type }) => type),
      ["urgent", "first", "second", "low"],
    );
    for (const { id, lease } of claimed) await ada.completeAIAction(id, lease);
  });

  test("what consent keeps from the claimer is not leased to it, and says why", async () => {
    const { id } = await db
      .as(ADA)
      .addAIAction(ADA, { type: "campaign", client_id: "hubspot:2", max_attempts: 2 });
    assert.deepEqual(await db.as(ADA, "HMARKT").claimAIActions(ADA, { limit: 10 }), []);
    const stateOf = async () => {
      const all = await db.as(ADA).getAIQueue(ADA, ["pending", "leased", "dead"]);
      const found = all.find((action) => action.id === id);
      return [found?.status, found?.problem, found?.attempts];
    };
    assert.deepEqual(await stateOf(), ["pending", "not_disclosed", 1]);
    await age(id, "due_at = now() - interval '1 s'");
    await db.as(ADA, "HMARKT").claimAIActions(ADA, { limit: 10 });
    assert.deepEqual(await stateOf(), ["dead", "not_disclosed", 2]);
    await db.as(ADA).retryAIAction(id);
    const [claimed] = await db.as(ADA).claimAIActions(ADA);
    assert.equal(claimed?.id, id);
    await db.as(ADA).completeAIAction(id, claimed?.lease ?? "");
  });

  test("many processes claim: each action is one's alone", async () => {
    const others = await Promise.all([db.process(), db.process()]);
    const added: { id: string }[] = [];
    for (let n = 0; n < 40; n += 1) added.push(await db.as(BOB).addAIAction(BOB, { type: `n${n}` }));
    const everyone = [db, ...others].map((each) => each.as(BOB));
    const claimed: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      const batches = await Promise.all(
        everyone.map((each) => each.claimAIActions(BOB, { limit: 3, leaseSeconds: 3600 })),
      );
      claimed.push(...batches.flat().map(({ id }) => id));
    }
    assert.deepEqual(claimed.toSorted(), added.map(({ id }) => id).toSorted());
  });

  test("a lease that is over is another's: who was late can neither complete nor fail", async () => {
    const ada = db.as(ADA);
    const { id } = await ada.addAIAction(ADA, { type: "late" });
    const [late] = await ada.claimAIActions(ADA);
    assert.ok(late);
    await age(id, "leased_until = now() - interval '1 s'");
    const [other] = await ada.claimAIActions(ADA);
    assert.deepEqual([other?.id, other?.attempts], [id, 2]);
    await assert.rejects(ada.completeAIAction(id, late.lease), withStatus(409));
    await assert.rejects(ada.failAIAction(id, late.lease, { problem: "slow" }), withStatus(409));
    await ada.completeAIAction(id, other?.lease ?? "", { ok: true });
    await ada.completeAIAction(id, other?.lease ?? "", { ok: false });
    assert.deepEqual((await ada.getAIQueue(ADA, ["done"]))[0]?.result, { ok: true });
  });

  test("failures: a pause that doubles, once for each lease; then dead, until somebody retries", async () => {
    const ada = db.as(ADA);
    const { id } = await ada.addAIAction(ADA, { type: "flaky", max_attempts: 2 });
    const [first] = await ada.claimAIActions(ADA);
    const failure = { problem: "model_timeout" };
    assert.deepEqual(await ada.failAIAction(id, first?.lease ?? "", failure), { status: "pending" });
    const due = async () => {
      const pause = "extract(epoch FROM due_at - updated_at)::float8 AS pause";
      const asked = `SELECT due_at, ${pause} FROM overlay_ai_actions WHERE id = $1`;
      return (await db.pool.query(asked, [id])).rows[0];
    };
    const { due_at, pause } = await due();
    assert.equal(pause, 5);
    assert.deepEqual(await ada.failAIAction(id, first?.lease ?? "", failure), { status: "pending" });
    assert.deepEqual((await due()).due_at, due_at, "once for each lease");
    // So that a slow machine does not outlast it.
    await age(id, "due_at = due_at + interval '1 hour'");
    assert.deepEqual(await ada.claimAIActions(ADA), []);
    await age(id, "due_at = now() - interval '1 s'");
    const [second] = await ada.claimAIActions(ADA);
    assert.deepEqual(await ada.failAIAction(id, second?.lease ?? "", failure), { status: "dead" });
    const [dead] = await ada.getAIQueue(ADA, ["dead"]);
    assert.deepEqual([dead?.id, dead?.problem, dead?.attempts], [id, "model_timeout", 2]);
    await ada.retryAIAction(id);
    const [again] = await ada.claimAIActions(ADA);
    assert.equal(again?.attempts, 1);
    const final = { problem: "not_possible", isRetryable: false };
    assert.deepEqual(await ada.failAIAction(id, again?.lease ?? "", final), { status: "dead" });
    await assert.rejects(ada.failAIAction(id, "x", { problem: "Ada Lovelace called" }), withStatus(400));
  });

  test("a worker that always dies: its attempts count, and end", async () => {
    const ada = db.as(ADA);
    const { id } = await ada.addAIAction(ADA, { type: "deadly", max_attempts: 2 });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      assert.equal((await ada.claimAIActions(ADA))[0]?.attempts, attempt);
      await age(id, "leased_until = now() - interval '1 s'");
    }
    assert.deepEqual(await ada.claimAIActions(ADA), []);
    const dead = (await ada.getAIQueue(ADA, ["dead"])).find((each) => each.id === id);
    assert.equal(dead?.problem, "lease_over");
  });

  test("an idempotency key is one action; a queue has a bound", async () => {
    const bob = db.as(BOB);
    const action = { type: "once", idempotency_key: "k1" };
    const all = await Promise.all([1, 2, 3].map(() => bob.addAIAction(BOB, action)));
    assert.equal(new Set(all.map(({ id }) => id)).size, 1);
    const fill = `INSERT INTO overlay_ai_actions (tenant_id, agent_id, subjects, priority, sealed, max_attempts)
      SELECT tenant_id, agent_id, subjects, 0, sealed, 1 FROM overlay_ai_actions, generate_series(1, $2) WHERE id = $1`;
    await db.pool.query(fill, [all[0]?.id, MAX_OPEN_ACTIONS]);
    await assert.rejects(bob.addAIAction(BOB, { type: "one_more" }), withStatus(429));
    assert.equal((await bob.addAIAction(BOB, action)).id, all[0]?.id);
    await db.as(ADA).addAIAction(ADA, { type: "another_queue" });
  });

  test("a context lives an hour, in the cache alone, and opens no more once its person is erased", async () => {
    const ada = db.as(ADA);
    const context = { client_id: "hubspot:7", context: { said: "Ada Lovelace" } };
    assert.equal(await ada.setAIContext("s1", context, ADA), true);
    assert.deepEqual(await ada.getAIContext("s1"), context);
    const ttl = await db.redis.ttl(`${db.keyPrefix}tenant:${TENANT}:ai_context:s1`);
    assert.ok(ttl > CACHE_TTL.aiContext - 60 && ttl <= CACHE_TTL.aiContext);
    await db.vault.erase(TENANT, "hubspot:7", "asked for it");
    assert.equal(await ada.getAIContext("s1"), undefined);
  });
});
