// The persistent Redis is lost under a running backend: what is answered, what health and the log say, and that it needs no restart.
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { until } from "../../servers/until.js";
import { type OperatedCrm, startOperatedCrm } from "../support/operated-crm.js";

const HEALTH = "/api/system/health/ready";

describe("the persistent Redis is lost", () => {
  let crm: OperatedCrm;
  beforeAll(async () => {
    crm = await startOperatedCrm();
    await crm.done("migrate");
  });
  afterAll(() => crm.close());

  test("one line and a degraded health, however many requests are refused; back without a restart", async () => {
    await crm.done("tenant", "create", "Example", "--admin", "admin@t.example");
    const { token } = await crm.done("token", "issue", "--tenant", "Example", "--email", "admin@t.example");
    const backend = await crm.start();
    const stats = async () => (await backend.ask(token, "/api/system/cache-stats")).status;
    const health = async () => await backend.ask("", HEALTH);
    // Health gives PostgreSQL and Redis a second each to answer, which a busy machine may exceed.
    while ((await stats()) !== 200);
    const isKnown = { status: "ok", reason: null };
    await until("it is there", async () => isDeepStrictEqual((await health()).body.checks.state, isKnown));

    const begunAt = backend.process.output.text.length;
    await crm.state.kill();
    for (let time = 0; time < 5; time++) assert.equal(await stats(), 503);
    await until("ready, and degraded", async () => {
      const { status, body } = await health();
      assert.equal(body.checks.state.status, "away");
      return status === 200 && body.status === "degraded";
    });
    assert.equal((await backend.ask("", "/health")).body.state.status, "disconnected");

    await crm.state.restart();
    while ((await stats()) !== 200);
    await until("it is back", async () => isDeepStrictEqual((await health()).body.checks.state, isKnown));
    const lines = backend.process.output.text.slice(begunAt).trim().split("\n");
    const told = lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50);
    assert.equal(told.length, 1, backend.process.output.text);
    assert.match(told[0].msg, /^state: redis \(REDIS_URL\) does not answer \(.+\): logins, and tokens/);
  });
});
