// The console's pages for auditors: who sees which, timelines in pages, proofs, a trail that is broken, and what is on record of it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { pino } from "pino";
import { verifyBundle } from "../../../scripts/audit/offline-verifier.js";
import { afterTest } from "../../servers/in-test.js";
import { ACTOR, event, pseudonym } from "../support/audit-database.js";
import { LOG_KEY } from "../support/audit-log.js";
import { type AuditedCrm, startAuditedCrm } from "../support/audited-crm.js";
import { atConsole, type ConsolePerson, logIn, rowsOf } from "../support/console-person.js";
import { TENANT_A, TENANT_B } from "../support/crm.js";

const PAGES = ["audit", "audit-status", "audit-erasures", "audit-sync"];
const ENTITY = "audit?entity_type=crm_client&entity_id=hubspot%3A7";
const linksOf = (text: string) => [...text.matchAll(/<li><a href="([^"]*)"/g)].map(([, href = ""]) => href);

describe("pages for auditors", () => {
  let audited: AuditedCrm;
  let auditor: ConsolePerson;
  let log = "";
  beforeAll(async () => {
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    audited = await startAuditedCrm("memory", { app: { logger: pino(stream) } });
    auditor = await as(["auditor"]);
  });
  afterAll(() => audited.close());

  const as = async (...who: Parameters<AuditedCrm["token"]>) =>
    atConsole(audited.crm.url, await audited.token(...who));
  const seenBy = (actor: string, entityId: string) =>
    audited.trail
      .getAuditLogs(TENANT_A, "audit_trail", entityId)
      .then((logs) => logs.filter(({ actor: { id } }) => id === actor));

  test("an auditor sees these pages and nothing else of the console, a supervisor that of synchronisation", async () => {
    const arrived = await auditor.get("");
    assert.deepEqual([arrived.status, arrived.headers.get("location")], [303, "audit"]);
    assert.deepEqual(linksOf((await auditor.get("audit")).text), PAGES);
    // Fields that a browser sends empty are none.
    for (const page of [...PAGES, "audit?entity_type=&entity_id=&before="])
      assert.equal((await auditor.get(page)).status, 200, page);
    for (const page of ["tenants", "entries", "purge", "causes", "tail", "figures", "tail-events"])
      assert.equal((await auditor.get(page)).status, 403, page);
    const supervisor = await as(["supervisor"]);
    assert.deepEqual(linksOf((await supervisor.get("audit-sync")).text), ["audit-sync"]);
    for (const page of ["audit", "audit-status", "audit-erasures"])
      assert.equal((await supervisor.get(page)).status, 403, page);
    assert.equal((await supervisor.post("audit-status", { do: "verify" })).status, 403);
  });

  test("the CRM's roles give none of them: admins and superadmins need the overlay's role, agents are not let in", async () => {
    for (const role of ["admin", "superadmin"] as const) {
      const operator = await as([], { role });
      const { status, text } = await operator.get("");
      assert.equal(status, 200);
      assert.ok(!linksOf(text).some((href) => href.startsWith("audit")), role);
      for (const page of PAGES) assert.equal((await operator.get(page)).status, 403, `${role}: ${page}`);
      const both = await as(["auditor"], { role });
      assert.equal((await both.get("tenants")).status, 200, role);
      assert.equal((await both.get("audit")).status, 200, role);
    }
    for (const roles of [["agent"], []] as const)
      assert.equal((await logIn(audited.crm.url, await audited.token(roles))).status, 401);
  });

  test("a timeline: each record once, in pages, newest first; persons are pseudonyms, details are not shown", async () => {
    const about = (n: number) =>
      event(n, {
        entityType: "crm_client",
        entityId: "hubspot:7",
        subjectId: "hubspot:7",
        detail: { note: "never on a page" },
      });
    await audited.trail.record(
      TENANT_A,
      ACTOR,
      Array.from({ length: 120 }, (_, n) => about(n)),
    );
    await audited.sign();
    await audited.trail.record(TENANT_A, { id: "u-1", role: "agent" }, [
      { ...about(1), outcome: "refused", consent: { id: "c-7", version: 2 } },
    ]);
    const [rows, sizes]: [string[][], number[]] = [[], []];
    for (let next: string | undefined = ENTITY; next !== undefined; ) {
      const { status, text } = await auditor.get(next);
      assert.equal(status, 200);
      assert.doesNotMatch(text, /never on a page/);
      const found = rowsOf(text);
      sizes.push(found.length);
      rows.push(...found);
      next = /<p class="pages"><a href="([^"]*)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
    }
    assert.deepEqual(sizes, [50, 50, 21]);
    const heads = [...(await auditor.get(ENTITY)).text.matchAll(/<th scope="col">([^<]*)/g)];
    assert.equal(
      heads.map(([, head]) => head).join("|"),
      "when|place|action|outcome|actor, role|purpose|from|request",
    );
    const [waiting, newest] = rows;
    const refused = "read phi|refused|u-1, agent|TREAT, consent c-7 version 2|cache|–";
    assert.equal(waiting?.slice(1).join("|"), `waits for its place, not signed yet|${refused}`);
    const place = rows.slice(1).map((row) => Number(/leaf (\d+)/.exec(row[1] ?? "")?.[1]));
    assert.deepEqual(
      place,
      Array.from({ length: 120 }, (_, n) => (place[0] ?? 0) - n),
    );
    const index = place[0] ?? 0;
    const read = `read phi|success|${ACTOR.id}, agent|TREAT|cache|req-1`;
    assert.equal(
      newest?.slice(1).join("|"),
      `leaf ${index}, block ${Math.floor(index / 100)}, proof|${read}`,
    );
    assert.equal((await seenBy("auditor@test", "hubspot:7")).length, 4);
    assert.deepEqual(
      (await seenBy("auditor@test", "hubspot:7")).map(({ action, detail }) => [action, detail?.what])[0],
      ["search", "timeline"],
    );
  });

  test("another tenant's records are nobody's: neither by their entity, nor by tenant_id, nor by a proof", async () => {
    const foreign = await as(["auditor"], { tenantId: TENANT_B });
    assert.match((await foreign.get(ENTITY)).text, /No record is about this entity/);
    assert.equal((await foreign.get("audit?proof=3")).status, 404);
    for (const page of PAGES) {
      const { status, text } = await foreign.get(`${page}?tenant_id=${TENANT_A}`);
      assert.equal(status, 403, page);
      assert.match(text, /tenant_id is not the tenant of your token/);
    }
    const form = { do: "verify", tenant_id: TENANT_A };
    assert.equal((await foreign.post("audit-status", form)).status, 403);
  });

  test("a superadmin who is an auditor chooses the tenant, and each page says which it is", async () => {
    const operator = await as(["auditor"], { role: "superadmin", tenantId: undefined });
    const { status, text } = await operator.get("audit-status");
    assert.equal(status, 400);
    assert.match(text, /<label>Tenant <input name="tenant_id"/);
    const chosen = await operator.get(`${ENTITY}&tenant_id=${TENANT_A}`);
    assert.equal(rowsOf(chosen.text).length, 50);
    assert.match(chosen.text, new RegExp(`name="tenant_id" required value="${TENANT_A}"`));
    const links = [...chosen.text.matchAll(/href="(audit\?[^"]*)"/g)].map(([, href = ""]) => href);
    assert.ok(links.length > 10 && links.every((href) => href.includes(`tenant_id=${TENANT_A}`)));
    assert.match((await operator.get(`${ENTITY}&tenant_id=${TENANT_B}`)).text, /No record is about/);
  });

  test.each<[string, number, RegExp]>([
    ["audit?entity_type=t", 400, /entity_id needs both/],
    ["audit?entity_id=x", 400, /needs both/],
    ["audit?entity_type=t&entity_id=x&before=a", 400, /before must be a whole number/],
    ["audit?entity_type=t&entity_id=x&before=1&before=2", 400, /before must be given once/],
    ["audit?entity_type=t&entity_id=%00", 400, /entity_id /],
    [`audit?entity_type=t&entity_id=${"x".repeat(257)}`, 400, /entity_id /],
    ["audit?entity=x", 400, /entity is not known here/],
    ["audit?proof=-1", 400, /proof must be a whole number/],
    ["audit?proof=99999999", 404, /the checkpoint covers the indexes 0 to/],
    ["audit-status?from=1", 400, /to needs both/],
    ["audit-status?from=0&to=500", 400, /500 or more behind it/],
    ["audit-status?from=9&to=8", 400, /must not be before/],
    ["audit-erasures?before=a", 400, /before must be a whole number/],
    ["audit-sync?show=stale", 400, /needs both, a connection/],
    ["audit-sync?connection=1&show=stale", 400, /connection must be the id/],
    ["audit?tenant_id=1", 400, /tenant_id must be one UUID/],
  ])("%s is answered %i, and says why", async (page, status, told) => {
    const answer = await auditor.get(page);
    assert.equal(answer.status, status);
    assert.match(answer.text, told);
    assert.match(answer.text, /<p role="alert"/);
  });

  test("a proof, and a part of the trail, are what the offline verifier takes", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "audit-pages-"));
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    for (const [page, name, records] of [
      ["audit?proof=7", "record-7.jsonl", 1],
      ["audit-status?from=3&to=42", "records-3-to-42.jsonl", 40],
    ] as const) {
      const { status, headers, text } = await auditor.get(page);
      assert.equal(status, 200);
      assert.equal(headers.get("content-disposition"), `attachment; filename="${name}"`);
      const file = path.join(folder, name);
      writeFileSync(file, text);
      const report = await verifyBundle(file, { keys: [LOG_KEY.text] });
      assert.deepEqual([report.valid, report.errors], [true, []], page);
      assert.equal(text.match(/"record":/g)?.length, records);
      writeFileSync(file, text.replace("success", "failure"));
      assert.equal((await verifyBundle(file, { keys: [LOG_KEY.text] })).valid, false, page);
    }
    assert.deepEqual(
      (await seenBy("auditor@test", "proof of 7")).map(({ action }) => action),
      ["export"],
    );
  });

  test("erasures in pages, of persons by their pseudonyms, with who asked and why", async () => {
    const erased = (n: number) =>
      event(n, {
        action: "erase",
        entityType: "subject",
        entityId: `s:${n}`,
        subjectId: `s:${n}`,
        dataClass: "personal",
        detail: { reason: `asked ${n}` },
      });
    await audited.trail.record(
      TENANT_A,
      ACTOR,
      Array.from({ length: 51 }, (_, n) => erased(n)),
    );
    await audited.sign();
    const first = await auditor.get("audit-erasures");
    const rows = rowsOf(first.text);
    assert.equal(rows.length, 50);
    assert.deepEqual(rows[0]?.slice(1, 5), [
      await pseudonym(TENANT_A, "s:50"),
      "asked 50",
      `${ACTOR.id}, agent`,
      "erased",
    ]);
    assert.doesNotMatch(first.text, /s:50/);
    const next = /<p class="pages"><a href="([^"]*)"/.exec(first.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const second = rowsOf((await auditor.get(next)).text);
    assert.deepEqual(
      second.map((row) => row[2]),
      ["asked 0"],
    );
  });

  test("the status: what is signed, by which key, and what waits; a verification that was asked for", async () => {
    const { status, headers } = await auditor.post("audit-status", { do: "verify" });
    assert.deepEqual([status, headers.get("location")], [303, `audit-status?tenant_id=${TENANT_A}`]);
    await audited.watch.integrity(TENANT_A);
    const { text } = await auditor.get("audit-status");
    assert.match(text, /<strong class="good">valid<\/strong>/);
    assert.match(text, /First bad index<\/dt><dd><strong>none/);
    assert.match(text, /<strong class="good">verifies<\/strong> <span>crm\.example\/audit/);
    assert.match(text, /0 of 0<\/strong> <span>none is configured/);
    assert.match(text, /Overdue<\/dt><dd><strong class="good">no/);
    assert.match(text, /No alert\./);
    assert.equal((await auditor.post("audit-status", { do: "x" })).status, 400);
    const before = (await seenBy("auditor@test", "integrity")).length;
    const forged = await auditor.post("audit-status", { do: "verify", token: "x" });
    assert.equal(forged.status, 403);
    assert.equal((await seenBy("auditor@test", "integrity")).length, before);
  });

  test("a checkpoint that is overdue, and lost records until they are acknowledged", async () => {
    const process = "cccccccc-0000-4000-8000-000000000003";
    await audited.crm.pool.query(
      "INSERT INTO audit_buffers (tenant_id, process_id, capacity, lost) VALUES ($1, $2, 10, 4)",
      [TENANT_A, process],
    );
    await audited.sign(TENANT_B);
    await audited.crm.pool.query(
      `INSERT INTO audit_pending (tenant_id, content)
       SELECT $1, jsonb_build_object('v', 1, 'id', gen_random_uuid(), 'at', '2026-01-01T00:00:00.000Z')::text`,
      [TENANT_B],
    );
    const foreign = await as(["auditor"], { tenantId: TENANT_B });
    const late = await foreign.get("audit-status");
    assert.match(late.text, /Overdue<\/dt><dd><strong class="warning">yes/);
    assert.match(late.text, /<th scope="row">checkpoint-age<\/th>/);
    const { text } = await auditor.get("audit-status");
    assert.match(text, /<th scope="row">records-lost<\/th>.*: 4\)/);
    assert.doesNotMatch(late.text, /records-lost/);
    assert.equal((await auditor.post("audit-status", { do: "acknowledge" })).status, 303);
    assert.match((await auditor.get("audit-status")).text, /No alert\./);
  });

  test("no log shows whom a page was about", () => {
    assert.match(log, /"url":"\/ops\/cache\/audit\/…"/);
    assert.doesNotMatch(log, /hubspot|entity_id/);
  });

  // The last one: the trail is not mended.
  test("a record that was changed: not valid, the first bad index, and the alert", async () => {
    await audited.crm.pool.query(
      `UPDATE audit_records SET content = replace(content, '"success"', '"failure"')
       WHERE tenant_id = $1 AND leaf_index IN (17, 30)`,
      [TENANT_A],
    );
    await audited.watch.integrity(TENANT_A, 0);
    const { text } = await auditor.get("audit-status");
    assert.match(text, /<strong class="warning">not valid<\/strong>/);
    assert.match(text, /First bad index<\/dt><dd><strong>17<\/strong>/);
    assert.match(text, /<li>[^<]*index 17/);
    assert.match(text, /<th scope="row">corruption<\/th>/);
  });
});
