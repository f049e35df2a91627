// Clean-up and statistics: what is over goes, in batches and on record, and figures are the tenant's own.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { TenantCache } from "express-tenant-cache";
import { pino } from "pino";
import { afterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import { OverlayUpkeep } from "../../services/overlay/overlay-upkeep.js";
import { StaleKeys } from "../../services/overlay/stale-keys.js";
import {
  ADA,
  CHIEF,
  communication,
  OTHER_TENANT,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

const silent = pino({ level: "silent" });

describe("upkeep", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  const count = async (table: string) =>
    (await db.pool.query(`SELECT count(*)::int AS n FROM ${table}`)).rows[0].n as number;

  test("all that is over goes, in batches, of every tenant; the rest stays", async () => {
    const ada = db.as(ADA);
    const stranger = db.overlay.for({
      tenantId: OTHER_TENANT,
      actor: { id: CHIEF, role: "supervisor" },
      purpose: "TREAT",
    });
    await ada.setCommunication(communication({ id: "stays" }), ADA);
    await ada.setTask({ id: "stays", client_id: "hubspot:1", title: "x" }, ADA);
    const action = await ada.addAIAction(ADA, { type: "stays" });
    await stranger.setTask({ id: "theirs", client_id: "hubspot:1", title: "x" }, CHIEF);
    const over = `INSERT INTO overlay_tasks (tenant_id, id, client, subjects, agent_id, status, sealed, expires_at)
      SELECT tenant_id, 'over' || n, client, subjects, agent_id, status, sealed, now() - interval '1 s'
      FROM overlay_tasks, generate_series(1, $1) n`;
    await db.pool.query(over, [600]);
    const ended = `INSERT INTO overlay_ai_actions (tenant_id, agent_id, subjects, priority, sealed, max_attempts, status, expires_at)
      SELECT tenant_id, agent_id, subjects, 0, sealed, 1, 'done', now() - interval '1 s' FROM overlay_ai_actions`;
    await db.pool.query(ended);
    const first = await db.supervisor().cleanup();
    assert.deepEqual([first.removed.tasks, first.removed.ai_actions, first.more], [500, 1, true]);
    assert.equal((await db.supervisor().getCacheStats()).rows.tasks.over, 100);
    const upkeep = new OverlayUpkeep(db.overlay, silent);
    assert.equal(await upkeep.cleanAll(), 100 + 600);
    assert.deepEqual(
      [
        await count("overlay_tasks"),
        await count("overlay_communications"),
        await count("overlay_ai_actions"),
      ],
      [2, 1, 1],
    );
    assert.equal((await ada.getTask("stays", ADA))?.id, "stays");
    assert.equal((await ada.getAIQueue(ADA))[0]?.id, action.id);
    const [log] = await db.trail.getAuditLogs(TENANT, "task", "expired");
    assert.deepEqual([log?.action, log?.actor.id, log?.detail], ["delete", "system", { removed: 100 }]);
  });

  test("what the cache's store has not confirmed is not forgotten, by a change or by a repair", async () => {
    let isAway = true;
    const dropped: string[] = [];
    const space = {
      delete: async (...keys: string[]) => {
        dropped.push(...keys);
        return !isAway;
      },
    };
    const cache = { manager: { tenant: () => space } } as unknown as TenantCache;
    const stale = new StaleKeys({ pool: db.pool, cache });
    const { note } = await stale.changing(TENANT, ["task:away"], ["task:away"], async () => undefined);
    stale.forget(note);
    await stale.idle();
    const left = async () =>
      (await db.pool.query("SELECT 1 FROM overlay_stale_keys WHERE 'task:away' = ANY (keys)")).rowCount;
    assert.equal(await left(), 1);
    await db.pool.query("UPDATE overlay_stale_keys SET created_at = now() - interval '1 minute'");
    assert.equal(await stale.repair(), 0);
    assert.equal(await left(), 1);
    isAway = false;
    assert.equal(await stale.repair(), 1);
    assert.equal(await left(), 0);
    assert.deepEqual(new Set(dropped), new Set(["task:away"]));
  });

  test("it goes on by itself until it is stopped", async () => {
    await db.as(ADA).setTask({ id: "soon", client_id: "hubspot:1", title: "x" }, ADA);
    const upkeep = new OverlayUpkeep(db.overlay, silent, { repairEveryMs: 20, cleanEveryMs: 20 });
    afterTest(() => upkeep.stop());
    upkeep.start();
    await db.pool.query("UPDATE overlay_tasks SET expires_at = now() WHERE id = 'soon'");
    const left = () => db.pool.query("SELECT FROM overlay_tasks WHERE id = 'soon'");
    await until("the row is gone", async () => (await left()).rowCount === 0);
  });

  test("figures are those of the tenant: rows, queue, and the cache by the first part of its keys", async () => {
    const ada = db.as(ADA);
    await ada.getCommunication("stays", ADA);
    const stats = await db.supervisor().getCacheStats();
    assert.deepEqual(
      [stats.rows.communications.rows, stats.rows.tasks.rows, stats.aiQueue.pending],
      [1, 1, 1],
    );
    assert.ok(stats.rows.communications.bytes > 256);
    assert.ok((stats.cache.communication?.hits ?? 0) >= 1 && (stats.cache.communication?.entries ?? 0) >= 1);
    const theirs = await db.overlay.stats(OTHER_TENANT);
    assert.deepEqual([theirs.rows.communications.rows, theirs.rows.tasks.rows], [0, 1]);
    assert.equal(theirs.cache.communication?.entries, 0);
  });
});
