// Who may read /metrics of the CRM: the token's bearer, or this machine, or nobody.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { type MetricsAccess, metricsAccess } from "../../services/operations/metrics-access.js";
import { startAuditedCrm } from "../support/audited-crm.js";
import { startCrm, TENANT_A } from "../support/crm.js";

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

  test("alerts of audit trails: of how many tenants, beside the cache's figures, and without their names", async () => {
    const audited = await startAuditedCrm("memory", { app: { metrics: metricsAccess(undefined, false) } });
    afterTest(() => audited.close());
    const shown = async () => {
      const text = await (await fetch(`${audited.crm.url}/metrics`)).text();
      assert.match(text, /^etc_requests_total/m);
      assert.doesNotMatch(text, new RegExp(`crm_.*${TENANT_A}`));
      return text.match(/^crm_audit_alerts\{.*$/gm);
    };
    let failures = 1;
    audited.watch.registerSync(async () => ({ failures }));
    const none = ["corruption", "checkpoint-age", "records-lost", "sync-failure"].map(
      (alert) => `crm_audit_alerts{alert="${alert}"} 0`,
    );
    assert.deepEqual(await shown(), none);
    await audited.watch.lookAtAll();
    assert.deepEqual(await shown(), [...none.slice(0, 3), 'crm_audit_alerts{alert="sync-failure"} 2']);
    failures = 0;
    await audited.watch.lookAtAll();
    assert.deepEqual(await shown(), none);
  });
});
