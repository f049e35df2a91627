// A process that is killed at each step of a write: row and record are both there or neither is, and nothing stale stays in the caches.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { until } from "../../servers/until.js";
import {
  ADA,
  communication,
  type OverlayDatabase,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";
import type { Deed, Step } from "../support/overlay-writer.js";

const PROGRAM = projectFile("dist/backend/test/support/overlay-writer.js");

describe("a process that dies in a write", () => {
  let db: OverlayDatabase;
  beforeAll(async () => {
    db = await startOverlay();
  });
  afterAll(() => db.close());

  async function dies(step: Step | "", deed: Deed, id: string, lease = ""): Promise<boolean> {
    const { url: databaseUrl, redisUrl, keyPrefix, folder, secret } = db;
    const settings = JSON.stringify({ databaseUrl, redisUrl, keyPrefix, folder, secret });
    const child = fork(PROGRAM, [settings, step, deed, id, lease]);
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    return signal === "SIGKILL";
  }
  const actions = async (entityType: string, id: string) =>
    (await db.trail.getAuditLogs(TENANT, entityType, id)).map(({ action }) => action);
  /** As the upkeep of any process does, once the note is older than what a write takes. */
  const repaired = async () => {
    await db.pool.query("UPDATE overlay_stale_keys SET created_at = created_at - interval '1 minute'");
    await db.overlay.staleKeys.repair();
  };

  const BEFORE: readonly Step[] = ["sealed", "row", "recorded"];
  const AFTER: readonly Step[] = ["committed", "dropped", "done"];
  const ada = () => db.as(ADA);

  test.each([...BEFORE, ...AFTER])("set, killed at %s", async (step) => {
    const id = `set-${step}`;
    await ada().setCommunication(communication({ id, subject: "old" }), ADA);
    await ada().getClientCommunications("hubspot:1");
    const records = (await actions("communication", id)).length;
    assert.equal(await dies(step, "set", id), true);
    const isWritten = AFTER.includes(step);
    assert.equal((await actions("communication", id)).length - records, isWritten ? 1 : 0);
    await repaired();
    const expected = isWritten ? "new" : "old";
    assert.equal((await ada().getCommunication(id, ADA))?.subject, expected);
    const { items } = await ada().getClientCommunications("hubspot:1");
    assert.equal(items.find((each) => each.id === id)?.subject, expected);
    const { rowCount } = await db.pool.query("SELECT FROM overlay_stale_keys");
    assert.equal(rowCount, 0);
  });

  test.each(["row", "recorded", "committed"] as const)("delete, killed at %s", async (step) => {
    const id = `delete-${step}`;
    await ada().setCommunication(communication({ id }), ADA);
    assert.equal(await dies(step, "delete", id), true);
    await repaired();
    const isGone = step === "committed";
    assert.equal((await actions("communication", id)).includes("delete"), isGone);
    assert.equal((await ada().getCommunication(id, ADA)) === undefined, isGone);
  });

  test.each(["row", "recorded", "committed"] as const)("completing an action, killed at %s", async (step) => {
    const { id } = await ada().addAIAction(ADA, { type: "work", idempotency_key: step });
    const claimed = (await ada().claimAIActions(ADA, { limit: 50 })).find((each) => each.id === id);
    assert.equal(await dies(step, "complete", id, claimed?.lease), true);
    const isDone = step === "committed";
    const done = (await ada().getAIQueue(ADA, ["done"])).map((each) => each.id);
    assert.equal(done.includes(id), isDone);
    // Whoever comes after it completes it, or is told the same again.
    assert.equal(await dies("", "complete", id, claimed?.lease), false);
    const [entry] = (await ada().getAIQueue(ADA, ["done"])).filter((each) => each.id === id);
    assert.deepEqual(entry?.result, { text: "done" });
    const updates = (await actions("ai_action", id)).filter((action) => action === "update");
    assert.equal(updates.length, 2, "claimed and completed, once each");
  });

  test("the upkeep of another process repairs by itself", async () => {
    const id = "upkeep";
    await ada().setCommunication(communication({ id, subject: "old" }), ADA);
    assert.equal(await dies("committed", "set", id), true);
    await until(
      "the note is old enough to be repaired",
      async () => (await db.overlay.staleKeys.repair()) > 0,
    );
    assert.equal((await ada().getCommunication(id, ADA))?.subject, "new");
  });
});
