// The console's pages of synchronisation and erasures, against a local HubSpot: statuses, failures in pages, alerts, erasures that are not finished.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { openBrowser, openPage, wrongLooks } from "../../servers/browser.js";
import { afterTest } from "../../servers/in-test.js";
import { integrate } from "../../services/audit/tree-store.js";
import { atConsole, type ConsolePerson, rowsOf } from "../support/console-person.js";
import { TENANT_A, TENANT_B } from "../support/crm.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import { type SyncCrm, startSyncCrm } from "../support/crms/sync-crm.js";
import { hubspotConnection, startHubspot } from "../support/crms/sync-system.js";

const nextOf = (text: string) =>
  /<p class="pages"><a href="([^"]*)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");

describe("the pages of synchronisation and erasures", () => {
  let server: HubspotServer;
  let crm: SyncCrm;
  let auditor: ConsolePerson;
  let linkId: string;
  beforeAll(async () => {
    server = await startHubspot();
    crm = await startSyncCrm([hubspotConnection(server, { tenant: TENANT_A })], { maxAttempts: 1 });
    linkId = crm.sync.links[0]?.connection.id ?? "";
    auditor = await atConsole(crm.url, await crm.token(["auditor"]));
  });
  afterAll(async () => {
    await crm.close();
    await server.close();
  });

  const client = async () => {
    const id = server.create({ firstname: "Ada", email: "ada@example.com" });
    await crm.sync.read(TENANT_A, "hubspot", id, new AbortController().signal);
    return id;
  };
  const change = (crm_id: string, changes: object) =>
    crm.ask(["agent"], "POST", "/api/sync/changes", { crm_system: "hubspot", crm_id, changes });
  const pseudonymOf = (id: string) => crm.vault.pseudonym(TENANT_A, `hubspot:${id}`);
  const show = (what: string, person = auditor) => person.get(`audit-sync?connection=${linkId}&show=${what}`);

  test("clients by status with the reason, conflicts and dead letters; no field, no id of a client", async () => {
    const [fresh, conflicted, dead] = [await client(), await client(), await client()];
    await change(conflicted, { firstname: "Ours" });
    server.change(conflicted, { firstname: "Theirs" });
    await crm.work();
    server.failNext("500", /^PATCH/);
    await change(dead, { firstname: "Grace" });
    await crm.work();
    const { status, text } = await auditor.get("audit-sync");
    assert.equal(status, 200);
    const [row] = rowsOf(text);
    assert.deepEqual(row?.slice(0, 10), ["hubspot", "works", "1", "0", "0", "1", "1", "0", "0", "2"]);
    for (const [what, id] of [
      ["fresh", fresh],
      ["conflict", conflicted],
      ["failed", dead],
    ] as const) {
      const { text: list } = await show(what);
      assert.deepEqual(
        rowsOf(list).map(([subject, state]) => [subject, state]),
        [[await pseudonymOf(id), what]],
      );
      assert.doesNotMatch(list, /Ada|ada@|Ours|Theirs|Grace/);
    }
    const { text: failures } = await show("failures");
    assert.deepEqual(
      rowsOf(failures).map((cells) => cells.slice(1, 4)),
      [
        ["change", "conflict", await pseudonymOf(conflicted)],
        ["change", "dead letter", await pseudonymOf(dead)],
      ],
    );
    assert.match(failures, /502/);
    assert.doesNotMatch(failures, /Ada|Ours|Theirs|Grace/);
    const status2 = await auditor.get("audit-status");
    assert.match(status2.text, /<th scope="row">sync-failure<\/th>.*2 changes could not be brought across/);
    const [seen] = await crm.trail.getAuditLogs(TENANT_A, "audit_trail", "sync");
    assert.deepEqual([seen?.action, seen?.actor.role], ["read", "auditor"]);
  });

  test("many failures, and many clients, come in pages: each once", async () => {
    await crm.crm.pool.query(
      `INSERT INTO sync_events (tenant_id, connection_id, event_key, subject, kind, status, problem, received_at)
       SELECT $1, $2, 'e' || n, lpad(to_hex(n), 32, '0'), 'changed', 'dead', 'gone wrong', now() - make_interval(secs => n / 7)
       FROM generate_series(1, 120) n`,
      [TENANT_A, linkId],
    );
    await crm.crm.pool.query(
      `INSERT INTO sync_clients (tenant_id, connection_id, subject, crm_id, status, reason)
       SELECT $1, $2, lpad(to_hex(n), 32, '0'), '\\x00', 'stale', 'waits' FROM generate_series(1, 120) n`,
      [TENANT_A, linkId],
    );
    for (const [what, column, wanted] of [
      ["failures", 3, 122],
      ["stale", 0, 120],
    ] as const) {
      const [seen, sizes]: [string[], number[]] = [[], []];
      for (let page: string | undefined = `audit-sync?connection=${linkId}&show=${what}`; page; ) {
        const { text } = await auditor.get(page);
        const rows = rowsOf(text);
        sizes.push(rows.length);
        seen.push(...rows.map((row) => row[column] ?? ""));
        page = nextOf(text);
      }
      assert.deepEqual(sizes, [50, 50, wanted - 100], what);
      assert.equal(new Set(seen).size, wanted, what);
    }
    assert.equal((await show("failures&after=x")).status, 400);
    assert.equal((await show("failures&after=1_x%27")).status, 400);
  });

  test("in Chromium, with connections and failures in its tables: nothing sticks out, axe finds nothing", async () => {
    const browser = await openBrowser();
    afterTest(() => browser.close());
    const { page, problems } = await openPage(browser, crm.url);
    await page.goto(`${crm.url}/ops/cache`);
    await page.getByLabel("Token of an admin").fill(await crm.token(["supervisor"]));
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("table", { name: "Connections, with clients by status" }).waitFor();
    assert.deepEqual(await wrongLooks(page, "audit-sync"), []);
    await page.getByRole("link", { name: "120 stale of hubspot" }).press("Enter");
    await page.getByRole("link", { name: "next 50" }).waitFor();
    assert.deepEqual(await wrongLooks(page), []);
    await page.goto(`${crm.url}/ops/cache/audit-sync?connection=${linkId}&show=failures`);
    assert.equal(await page.getByRole("row").count(), 51);
    assert.deepEqual(await wrongLooks(page, "audit-sync-failures"), []);
    assert.deepEqual(problems, []);
  });

  test("another tenant is told nothing of it, a supervisor of this one all", async () => {
    const foreign = await atConsole(crm.url, await crm.token(["auditor"], { tenantId: TENANT_B }));
    assert.match((await foreign.get("audit-sync")).text, /connected to no other CRM/);
    assert.match((await show("stale", foreign)).text, /connected to no other CRM/);
    assert.match((await foreign.get("audit-status")).text, /No alert\./);
    const supervisor = await atConsole(crm.url, await crm.token(["supervisor"]));
    assert.equal(rowsOf((await show("stale", supervisor)).text).length, 50);
    assert.equal(
      (await auditor.get(`audit-sync?connection=${linkId.replace(/^./, "0")}&show=stale`)).status,
      404,
    );
  });

  test("where that it was seen cannot be put on record, nothing is shown", async () => {
    assert.match((await show("stale")).text, /waits/);
    await crm.crm.pool.query("ALTER TABLE audit_pending RENAME TO audit_away");
    const { status, text } = await show("stale");
    await crm.crm.pool.query("ALTER TABLE audit_away RENAME TO audit_pending");
    assert.equal(status, 503);
    assert.doesNotMatch(text, /waits|<table/);
  });

  test("a client that was given up without an event, and a connection that has not worked for long, are alerts", async () => {
    await crm.crm.pool.query("DELETE FROM sync_events");
    await crm.crm.pool.query("DELETE FROM sync_outbox");
    await crm.crm.pool.query("UPDATE sync_clients SET status = 'fresh'");
    // Nothing signs this trail, which is an alert of its own where the test before took long.
    const alertsNow = async () =>
      (await crm.watch.look(TENANT_A)).flatMap(({ name, message }) =>
        name === "sync-failure" ? [message] : [],
      );
    assert.deepEqual(await alertsNow(), []);
    await crm.crm.pool.query("UPDATE sync_clients SET status = 'failed' WHERE subject LIKE '%0001'");
    assert.match(String(await alertsNow()), /^1 changes could not/);
    await crm.crm.pool.query("UPDATE sync_clients SET status = 'fresh'");
    const since = (seconds: number) =>
      crm.crm.pool.query(
        "UPDATE sync_connections SET problem = 'hubspot answers 503', problem_since = now() - make_interval(secs => $1)",
        [seconds],
      );
    // Shorter than makes clients stale: it may pass.
    await since(200);
    assert.deepEqual(await alertsNow(), []);
    await since(400);
    assert.match(String(await alertsNow()), /^hubspot has not been read for 4\d\d s: hubspot answers 503$/);
    assert.match((await auditor.get("audit-sync")).text, /hubspot answers 503<\/span> since <time/);
  });

  test("an erasure that is not finished is shown as that, and as a tombstone once it is", async () => {
    let isAway = true;
    crm.vault.onErase({
      name: "far away",
      holds: async () => [],
      erase: async () => {
        if (isAway) throw new Error("away");
      },
      export: async () => [],
    });
    const actor = { id: "s-1", role: "supervisor" };
    const erase = () => crm.vault.erase(TENANT_A, "hubspot:7777", "asked by letter", actor);
    await assert.rejects(erase(), { name: "ErasureUnfinished" });
    const subject = await pseudonymOf("7777");
    const rows = async () =>
      rowsOf((await auditor.get("audit-erasures")).text)
        .filter((row) => row[1] === subject)
        .map((row) => row.slice(2, 5));
    assert.deepEqual(await rows(), [["asked by letter", "s-1, supervisor", "unfinished"]]);
    isAway = false;
    await erase();
    // Its tombstone has no place yet, and is shown all the same.
    assert.deepEqual(await rows(), [["asked by letter", "s-1, supervisor", "erased"]]);
    while ((await integrate(crm.crm.pool, TENANT_A))?.added);
    assert.deepEqual(await rows(), [["asked by letter", "s-1, supervisor", "erased"]]);
    const foreign = await atConsole(crm.url, await crm.token(["auditor"], { tenantId: TENANT_B }));
    assert.doesNotMatch((await foreign.get("audit-erasures")).text, /asked by letter/);
  });
});
