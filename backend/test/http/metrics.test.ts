// Who may read /metrics of the CRM: the token's bearer, or this machine, or nobody.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { type MetricsAccess, metricsAccess } from "../../services/operations/metrics-access.js";
import { startCrm } from "../support/crm.js";

const TOKEN = "a-token-of-prometheus";

async function asking(metrics: MetricsAccess | undefined) {
  const crm = await startCrm("memory", { metrics });
  afterTest(() => crm.close());
  return async (headers: Record<string, string> = {}) => {
    const answer = await fetch(`${crm.url}/metrics`, { headers });
    return { status: answer.status, isShown: (await answer.text()).includes("etc_requests_total") };
  };
}

describe("/metrics", () => {
  test("the token decides where there is one, else the environment", () => {
    assert.equal(metricsAccess(TOKEN, true).kind, "token");
    assert.equal(metricsAccess(undefined, false).kind, "this-machine");
    assert.equal(metricsAccess(undefined, true).kind, "nobody");
  });

  test("of a token: its bearer alone, also on this machine", async () => {
    const ask = await asking(metricsAccess(TOKEN, true));
    assert.deepEqual(await ask({ authorization: `Bearer ${TOKEN}` }), { status: 200, isShown: true });
    for (const authorization of ["", `Bearer ${TOKEN}x`, "Bearer ", TOKEN])
      assert.deepEqual(await ask({ authorization }), { status: 403, isShown: false }, authorization);
  });

  test("of this machine: no request that came through a proxy", async () => {
    const ask = await asking(metricsAccess(undefined, false));
    assert.deepEqual(await ask(), { status: 200, isShown: true });
    for (const name of ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"])
      assert.deepEqual(await ask({ [name]: "127.0.0.1" }), { status: 403, isShown: false }, name);
  });

  test("of nobody: it is not there", async () => {
    const ask = await asking(metricsAccess(undefined, true));
    assert.deepEqual(await ask(), { status: 404, isShown: false });
  });
});
