// Communications and tasks: keys, TTLs, lists and batches, on a real PostgreSQL and Redis.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import {
  ADA,
  communication,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

describe("communications and tasks", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  const rows = async (sql: string, values: unknown[] = []) => (await db.pool.query(sql, values)).rows;
  const ttlOf = async (key: string) => db.redis.ttl(`${db.keyPrefix}tenant:${TENANT}:${key}`);
  const within = (ttl: number, seconds: number) => {
    assert.ok(ttl > seconds - 60 && ttl <= seconds, `${ttl} of ${seconds}`);
  };

  test("what is set is read, from the cache; key, TTL, and nothing readable at rest", async () => {
    const ada = db.as(ADA, "TREAT");
    const set = await ada.setCommunication(communication({ id: "c1" }), ADA);
    assert.deepEqual(await db.keys("communication:*"), ["communication:c1"]);
    within(await ttlOf("communication:c1"), CACHE_TTL.communication);
    assert.deepEqual(await ada.getCommunication("c1", ADA), set);
    const [log] = await ada
      .getCommunication("c1", ADA)
      .then(() => db.overlay.parts.audit.getAuditLogs(TENANT, "communication", "c1"));
    assert.equal(log?.action, "read");
    assert.equal(log?.source, "cache");
    assert.equal(log?.purpose, "TREAT");
    const bytes = await db.redis.getBuffer(`${db.keyPrefix}tenant:${TENANT}:communication:c1`);
    assert.ok(bytes && !bytes.includes("Lovelace") && !bytes.includes("hubspot:1"));
    const [row] = await rows("SELECT t::text AS text FROM overlay_communications t WHERE id = 'c1'");
    assert.doesNotMatch(row.text, /Lovelace|hubspot:1/);
  });

  test("without the cache it is read from its row", async () => {
    const ada = db.as(ADA);
    const set = await ada.setCommunication(communication({ id: "c2" }), ADA);
    await db.redis.flushall();
    assert.deepEqual(await ada.getCommunication("c2", ADA), set);
    const [log] = await db.overlay.parts.audit.getAuditLogs(TENANT, "communication", "c2");
    assert.equal(log?.source, "store");
  });
});
