// Communications and tasks: keys, TTLs, lists and batches, on a real PostgreSQL and Redis.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import { LISTED_AT_MOST } from "../../services/overlay/records/client-list.js";
import {
  ADA,
  BOB,
  communication,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

const task = (more: object = {}) => ({ client_id: "hubspot:1", title: "Call Ada Lovelace", ...more });
const withStatus = (status: number) => (error: unknown) =>
  error instanceof HttpProblem && error.status === status;

describe("communications and tasks", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  const rows = async (sql: string, values: unknown[] = []) => (await db.pool.query(sql, values)).rows;
  const full = (key: string) => `${db.keyPrefix}tenant:${TENANT}:${key}`;
  const newest = async (entityType: string, id: string) =>
    (await db.trail.getAuditLogs(TENANT, entityType, id))[0];
  const within = async (key: string, seconds: number) => {
    const ttl = await db.redis.ttl(full(key));
    assert.ok(ttl > seconds - 60 && ttl <= seconds, `${key}: ${ttl} of ${seconds}`);
  };

  test("keys and TTLs are those of the table, below the tenant's prefix", async () => {
    const ada = db.as(ADA);
    await ada.setCommunication(communication({ id: "key" }), ADA);
    await ada.setTask(task({ id: "key" }), ADA);
    await ada.getClientCommunications("hubspot:1");
    await ada.getClientTasks("hubspot:1");
    const client = await db.vault.pseudonym(TENANT, "hubspot:1");
    await within("communication:key", CACHE_TTL.communication);
    await within(`client_comms:${client}`, CACHE_TTL.communication);
    await within("task:key", CACHE_TTL.task);
    await within(`client_tasks:${client}`, CACHE_TTL.task);
    assert.deepEqual(
      [CACHE_TTL.session, CACHE_TTL.crmClient, CACHE_TTL.communication, CACHE_TTL.task],
      [24 * 3600, 6 * 3600, 7 * 86_400, 30 * 86_400],
    );
    assert.deepEqual([CACHE_TTL.aiContext, CACHE_TTL.document], [3600, 7 * 86_400]);
  });

  test("what is set is read, a hit on record like a miss; nothing readable is at rest", async () => {
    const ada = db.as(ADA);
    const set = await ada.setCommunication(communication({ id: "c1" }), ADA);
    assert.equal((await newest("communication", "c1"))?.action, "create");
    assert.deepEqual(await ada.getCommunication("c1", ADA), set);
    const hit = await newest("communication", "c1");
    assert.deepEqual(
      [hit?.action, hit?.source, hit?.purpose, hit?.actor.id],
      ["read", "cache", "TREAT", ADA],
    );
    await db.redis.flushall();
    assert.deepEqual(await ada.getCommunication("c1", ADA), set);
    assert.equal((await newest("communication", "c1"))?.source, "store");
    for (const key of await db.redis.keys(`${db.keyPrefix}*`)) {
      assert.doesNotMatch(key, /hubspot/);
      if ((await db.redis.type(key)) !== "string") continue;
      const bytes = await db.redis.getBuffer(key);
      assert.ok(!bytes?.includes("Lovelace") && !bytes?.includes("hubspot:1"), key);
    }
    const [row] = await rows("SELECT t::text AS text FROM overlay_communications t WHERE id = 'c1'");
    assert.doesNotMatch(row.text, /Lovelace|hubspot:1/);
    assert.equal(await ada.getCommunication("none", ADA), undefined);
    assert.equal((await newest("communication", "none"))?.outcome, "failure");
  });

  test("sizes at rest say little: what is long is compressed, and all is padded to buckets", async () => {
    const ada = db.as(ADA);
    const bodies = ["", "x".repeat(40), "the same again ".repeat(3000)];
    for (const [n, body] of bodies.entries())
      await ada.setCommunication(communication({ id: `size${n}`, body: body || null }), ADA);
    const [short, longer, long] = await rows(
      "SELECT octet_length(sealed) AS bytes FROM overlay_communications WHERE id LIKE 'size%' ORDER BY id",
    );
    assert.equal(short.bytes, longer.bytes);
    assert.ok(long.bytes < 2000, `${long.bytes} of 45,000`);
  });

  test("another process reads what this one has changed", async () => {
    const other = await db.process();
    const ada = db.as(ADA);
    await ada.setTask(task({ id: "t1", status: "open" }), ADA);
    const theirs = other.as(ADA);
    assert.equal((await theirs.getTask("t1", ADA))?.status, "open");
    assert.equal((await theirs.getClientTasks("hubspot:1", { status: "open" })).items.length, 2);
    await ada.setTask(task({ id: "t1", status: "done" }), ADA);
    assert.equal((await theirs.getTask("t1", ADA))?.status, "done");
    assert.equal((await theirs.getClientTasks("hubspot:1", { status: "open" })).items.length, 1);
    await ada.deleteTask("t1");
    assert.equal(await theirs.getTask("t1", ADA), undefined);
    assert.equal((await theirs.getClientTasks("hubspot:1")).items.length, 1);
  });

  test("a batch is all or none, in one transaction, and each of it is on record", async () => {
    const ada = db.as(ADA);
    const many = Array.from({ length: 30 }, (_, n) => communication({ id: `b${n}`, client_id: "hubspot:2" }));
    assert.equal((await ada.setCommunications(many, ADA)).length, 30);
    assert.equal((await newest("communication", "b29"))?.action, "create");
    const wrong = [communication({ id: "new", client_id: "hubspot:2" }), communication({ id: "b1" })];
    await assert.rejects(ada.setCommunications(wrong, ADA), withStatus(409));
    assert.equal(await ada.getCommunication("new", ADA), undefined);
    await assert.rejects(ada.setCommunications([...many, ...many], ADA), withStatus(400));
    await assert.rejects(
      ada.setCommunications(
        Array.from({ length: 101 }, () => communication()),
        ADA,
      ),
      withStatus(400),
    );
  });

  test("lists are bounded: pages follow each other without gaps, past what the cache keeps", async () => {
    const ada = db.as(ADA);
    const total = LISTED_AT_MOST + 30;
    for (let n = 0; n < total; n += 100) {
      const count = Math.min(100, total - n);
      const batch = Array.from({ length: count }, (_, i) =>
        task({ id: `p${n + i}`, client_id: "hubspot:3" }),
      );
      await ada.setTasks(batch, ADA);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await ada.getClientTasks("hubspot:3", { limit: 70, cursor });
      assert.ok(page.items.length <= 70);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    assert.equal(seen.length, total);
    assert.equal(new Set(seen).size, total);
    assert.equal((await ada.getClientTasks("hubspot:3", { limit: 1000 })).items.length, 100);
    const [search] = await db.trail.getAuditLogs(TENANT, "task", "hubspot:3");
    assert.deepEqual([search?.action, search?.source], ["search", "cache"]);
  });

  test("what is too large, or shows too many, is refused and says so", async () => {
    const ada = db.as(ADA);
    const metadata = { text: "x".repeat(70_000) };
    await assert.rejects(ada.setCommunication(communication({ metadata }), ADA), /70\d\d\d bytes, and 65536/);
    const participants = Array.from({ length: 64 }, (_, n) => `contact:${n}`);
    await assert.rejects(ada.setCommunication(communication({ participants }), ADA), withStatus(400));
    await assert.rejects(ada.setCommunication(communication({ channel: "owl" }), ADA), withStatus(400));
    await assert.rejects(ada.setCommunication(communication({ id: "a:b" }), ADA), withStatus(400));
  });

  test("bytes of another key in the cache are not believed: the row answers", async () => {
    const ada = db.as(ADA);
    const one = await ada.setTask(task({ id: "swap1", title: "One" }), ADA);
    await ada.setTask(task({ id: "swap2", title: "Two" }), ADA);
    const theirs = await db.redis.getBuffer(full("task:swap2"));
    assert.ok(theirs);
    await db.redis.set(full("task:swap1"), theirs);
    const other = await db.process();
    assert.deepEqual(await other.as(ADA).getTask("swap1", ADA), one);
  });

  test("over is over, also where the clean-up has not come by", async () => {
    const ada = db.as(ADA);
    await ada.setTask(task({ id: "over", client_id: "hubspot:4" }), ADA);
    await db.redis.flushall();
    await rows("UPDATE overlay_tasks SET expires_at = now() - interval '1 s' WHERE id = 'over'");
    assert.equal(await ada.getTask("over", ADA), undefined);
    assert.deepEqual(await ada.getClientTasks("hubspot:4"), { items: [] });
    // The id is free again.
    assert.equal((await db.as(BOB).setTask(task({ id: "over", client_id: "hubspot:5" }), BOB)).agent_id, BOB);
  });
});
