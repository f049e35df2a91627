// The overlay in two server processes as operators start them: one is killed, one is stopped, and the logs name nobody.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { until } from "../../servers/until.js";
import { type OperatedCrm, type RunningBackend, startOperatedCrm } from "../support/operated-crm.js";
import { communication } from "../support/overlay-database.js";

const PURPOSE = "purpose=TREAT";

describe("servers with the overlay", () => {
  let crm: OperatedCrm;
  let backends: readonly RunningBackend[];
  let token: string;
  let agentId: string;
  const folder = mkdtempSync(path.join(tmpdir(), "overlay-servers-"));
  beforeAll(async () => {
    crm = await startOperatedCrm({
      env: {
        NODE_ENV: "test",
        SUBJECT_WRAPPING_KEYS: `first:${randomBytes(32).toString("base64")}`,
        SUBJECT_SECRETS_FOLDER: folder,
      },
    });
    await crm.done("migrate");
    const { tenant } = await crm.done("tenant", "create", "Overlay");
    const ofUser = ["--tenant", String(tenant.id), "--email", "ada@t.example"];
    const { user } = await crm.done("user", "create", ...ofUser, "--overlay-role", "agent");
    agentId = user.id;
    token = String((await crm.done("token", "issue", ...ofUser)).token);
    backends = [await crm.start(), await crm.start()];
  });
  afterAll(async () => {
    await crm.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (backend: RunningBackend | undefined, rest: string, body?: object, method = "POST") =>
    backend?.ask(token, `/api/overlay${rest}`, body && { method, body }) ?? assert.fail("there are two");

  test("what one writes the other reads; a killed process takes nothing along, a stopped one ends in time", async () => {
    const [one, other] = backends;
    const given = communication({ id: "c1", client_id: "hubspot:Secret-Id-1" });
    assert.equal((await ask(one, `/communications?${PURPOSE}`, given)).status, 201);
    /** 503 asks to try again, which a busy machine may answer. */
    const read = async () => {
      let answer = await ask(other, `/communications/c1?${PURPOSE}`);
      for (let others = 100; answer.status === 503 && others > 0; others--)
        answer = await ask(other, `/communications/c1?${PURPOSE}`);
      return answer;
    };
    assert.deepEqual(
      [(await read()).body.data.subject, (await read()).body.data.agent_id],
      [given.subject, agentId],
    );
    const changed = { ...given, subject: "Another time" };
    assert.equal((await ask(one, `/communications/c1?${PURPOSE}`, changed, "PUT")).status, 200);
    assert.equal((await read()).body.data.subject, "Another time");
    assert.equal(
      (await ask(one, `/clients/hubspot/Secret-Id-1?${PURPOSE}`, { data: {} }, "PUT")).status,
      200,
    );
    assert.equal(
      (await ask(one, `/communications?client_id=hubspot:Secret-Id-1&${PURPOSE}`)).body.data.length,
      1,
    );
    const records = () =>
      crm.sql("SELECT count(*)::int AS n FROM audit_pending WHERE content LIKE '%\"c1\"%'");
    const sequenced = () => crm.sql("SELECT count(*)::int AS n FROM audit_records WHERE entity_id = 'c1'");
    const onRecord = async () => (await records())[0].n + (await sequenced())[0].n;
    await until("all of it is on record", async () => (await onRecord()) >= 5);
    await one?.process.kill();
    assert.equal((await read()).body.data.subject, "Another time");
    other?.process.child.kill("SIGTERM");
    assert.equal(await other?.process.ended, 0);
    for (const each of backends)
      assert.doesNotMatch(each.process.output.text, /Secret-Id-1|Lovelace|Another time/);
  });
});
