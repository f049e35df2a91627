// Writes during reads, in two processes: what was read before a write is not kept, and no read is older than an answered write.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { holdQueries } from "../support/held-queries.js";
import { ADA, type OverlayDatabase, type OverlayProcess, startOverlay } from "../support/overlay-database.js";

describe("reads and writes at the same time", () => {
  let db: OverlayDatabase;
  let other: OverlayProcess;
  beforeAll(async () => {
    db = await startOverlay();
    other = await db.process();
  });
  afterAll(() => db.close());

  const task = (id: string, title: string) => ({ id, client_id: "hubspot:1", title });

  test("a load that a write overtook is not stored: record and list", async () => {
    await db.as(ADA).setTask(task("held", "old"), ADA);
    await db.redis.flushall();
    const held = holdQueries(db.pool, /FROM overlay_tasks WHERE tenant_id = \$1 AND id = ANY/);
    const slow = await db.process({ pool: held.pool });
    const reading = slow.as(ADA).getTask("held", ADA);
    await held.held;
    await db.as(ADA).setTask(task("held", "new"), ADA);
    held.release();
    // It began before the write was answered: either is right.
    await reading;
    for (const each of [slow, db, other])
      assert.equal((await each.as(ADA).getTask("held", ADA))?.title, "new");

    const listing = holdQueries(db.pool, /FROM overlay_tasks t\s+WHERE/);
    const slowList = await db.process({ pool: listing.pool });
    await db.redis.flushall();
    const page = slowList.as(ADA).getClientTasks("hubspot:1");
    await listing.held;
    await db.as(ADA).setTask(task("held2", "another"), ADA);
    listing.release();
    await page;
    for (const each of [slowList, db, other])
      assert.equal((await each.as(ADA).getClientTasks("hubspot:1")).items.length, 2);
  });

  test("under a storm of both, each read shows at least what was answered before it began", async () => {
    const processes = [db, other];
    const answered = new Map<string, number>();
    let next = 0;
    const writing = async (each: OverlayProcess, id: string) => {
      // Until there was enough to read beside it.
      for (let n = 0; n < 15 || (reads <= 20 && n < 1000); n += 1) {
        next += 1;
        const version = next;
        await each.as(ADA).setTask(task(id, String(version)), ADA);
        answered.set(id, Math.max(answered.get(id) ?? 0, version));
      }
    };
    let isOver = false;
    let reads = 0;
    const reading = async (each: OverlayProcess, id: string) => {
      while (!isOver) {
        const least = answered.get(id) ?? 0;
        const seen = Number((await each.as(ADA).getTask(id, ADA))?.title ?? 0);
        const { items } = await each.as(ADA).getClientTasks("hubspot:1");
        const listed = Number(items.find((item) => item.id === id)?.title ?? 0);
        assert.ok(seen >= least, `${id}: ${seen} after ${least}`);
        assert.ok(listed >= least, `${id} in the list: ${listed} after ${least}`);
        reads += 1;
      }
    };
    // One writer for each record: with two, the numbers need not grow.
    const writers = ["s1", "s2"].map((id, n) => writing(processes[n] ?? db, id));
    const readers = processes.flatMap((each) => ["s1", "s2"].map((id) => reading(each, id)));
    await Promise.all(writers);
    isOver = true;
    await Promise.all(readers);
    assert.ok(reads > 20, `${reads} reads`);
  });
});
