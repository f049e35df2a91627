// Sessions of agents' tools: a day in the cache alone, sealed, the agent's own.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { CACHE_TTL } from "../../services/overlay/cache-ttl.js";
import { ADA, BOB, type OverlayDatabase, startOverlay, TENANT } from "../support/overlay-database.js";

describe("sessions", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  test("kept for a day, sealed, on record, and nobody else's", async () => {
    const ada = db.as(ADA);
    const data = { draft: "Dear Ada Lovelace" };
    assert.equal(await ada.setSession("s1", data, ADA), true);
    const key = `${db.keyPrefix}tenant:${TENANT}:session:s1`;
    const ttl = await db.redis.ttl(key);
    assert.ok(ttl > CACHE_TTL.session - 60 && ttl <= CACHE_TTL.session);
    assert.ok(!(await db.redis.getBuffer(key))?.includes("Lovelace"));
    assert.deepEqual(await (await db.process()).as(ADA).getSession("s1"), data);
    const refused = (error: unknown) => error instanceof HttpProblem && error.status === 403;
    await assert.rejects(db.as(BOB).getSession("s1"), refused);
    await assert.rejects(db.as(BOB).setSession("s1", {}, BOB), refused);
    await assert.rejects(db.as(BOB).deleteSession("s1"), refused);
    const logs = await db.trail.getAuditLogs(TENANT, "session", "s1");
    assert.deepEqual(
      logs.map(({ action, outcome }) => `${action} ${outcome}`),
      ["delete refused", "update refused", "read refused", "read success", "update success"],
    );
    await ada.deleteSession("s1");
    assert.equal(await ada.getSession("s1"), undefined);
    await assert.rejects(ada.setSession("s2", { text: "x".repeat(17_000) }, ADA), /16384 are the most/);
  });
});
