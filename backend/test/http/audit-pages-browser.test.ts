// The pages for auditors in Chromium: as auditor, tenant admin and superadmin, light and dark, at a phone's width, by axe and by keyboard.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage, wrongLooks } from "../../servers/browser.js";
import { witnessKey } from "../../services/audit/signed-note.js";
import { Witness, witnessServer } from "../../services/audit/witness.js";
import { WitnessClient } from "../../services/audit/witness-client.js";
import { WitnessState } from "../../services/audit/witness-state.js";
import { ACTOR, event } from "../support/audit-database.js";
import { LOG_KEY } from "../support/audit-log.js";
import { type AuditedCrm, startAuditedCrm } from "../support/audited-crm.js";
import { TENANT_A } from "../support/crm.js";

const KEY = witnessKey("witness.example/w1", Buffer.alloc(32, 9));
const PEOPLE = {
  auditor: {},
  admin: { role: "admin" },
  superadmin: { role: "superadmin", tenantId: undefined },
} as const;
type Person = keyof typeof PEOPLE;
const PAGES = {
  audit: "Audit timeline",
  "audit?entity_type=crm_client&entity_id=hubspot%3A7": "Audit timeline",
  "audit-status": "Audit status",
  "audit-erasures": "Erasures",
  "audit-sync": "Synchronisation",
};

async function startWitness() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "audit-pages-witness-"));
  const state = await WitnessState.open(path.join(folder, "state"));
  const server = witnessServer(new Witness({ key: KEY, logs: [LOG_KEY], state }), KEY);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await state.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe("the pages for auditors in Chromium", () => {
  let audited: AuditedCrm;
  let witness: Awaited<ReturnType<typeof startWitness>>;
  let browser: Browser;

  beforeAll(async () => {
    witness = await startWitness();
    const client = new WitnessClient({ url: witness.url, key: KEY, timeoutMs: 60_000 });
    audited = await startAuditedCrm("memory", { witnesses: [client] });
    const about = { entityType: "crm_client", entityId: "hubspot:7", subjectId: "hubspot:7" };
    await audited.trail.record(TENANT_A, ACTOR, [
      ...Array.from({ length: 60 }, (_, n) => event(n, about)),
      event(1, { ...about, outcome: "refused", purpose: "HMARKT", consent: { id: "c-7", version: 2 } }),
      event(2, { ...about, action: "export", purpose: "PATRQT", source: "store" }),
      event(3, {
        action: "erase",
        entityType: "subject",
        entityId: "s:9",
        subjectId: "s:9",
        dataClass: "personal",
        detail: { reason: "The person has asked for it, by a letter of the 3rd of November." },
      }),
    ]);
    await audited.sign();
    await audited.watch.integrity(TENANT_A);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await audited?.close();
    await witness?.close();
  });

  async function enter(person: Person): Promise<{ page: Page; problems: string[] }> {
    const opened = await openPage(browser, audited.crm.url);
    const { page } = opened;
    await page.goto(`${audited.crm.url}/ops/cache`);
    await page.getByLabel("Token of an admin").fill(await audited.token(["auditor"], PEOPLE[person]));
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    return opened;
  }

  const at = (page: string, person: Person) => {
    const whose = person === "superadmin" ? `${page.includes("?") ? "&" : "?"}tenant_id=${TENANT_A}` : "";
    return `${audited.crm.url}/ops/cache/${page}${whose}`;
  };

  test.each(Object.keys(PEOPLE) as Person[])(
    "each page as %s: nothing sticks out, axe finds nothing, nothing is asked elsewhere",
    async (person) => {
      const { page, problems } = await enter(person);
      for (const [name, title] of Object.entries(PAGES)) {
        await page.goto(at(name, person));
        await page.getByRole("main").getByRole("heading", { level: 1, name: title }).waitFor();
        const links = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
        assert.equal(await links.count(), person === "auditor" ? 4 : person === "admin" ? 14 : 15, name);
        const isTimeline = name.includes("entity_id");
        const screenshot = isTimeline ? "audit-timeline" : name === "audit-status" ? name : undefined;
        assert.deepEqual(await wrongLooks(page, person === "auditor" ? screenshot : undefined), [], name);
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    },
  );

  test("by keyboard: from the login to a timeline and its older records, and a proof is saved", async () => {
    const { page, problems } = await enter("auditor");
    await page.getByRole("heading", { level: 1, name: "Audit timeline" }).waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
    await page.getByRole("textbox", { name: "Entity type" }).press("c");
    await page.getByRole("textbox", { name: "Entity type" }).fill("crm_client");
    await page.keyboard.press("Tab");
    await page.keyboard.type("hubspot:7");
    await page.keyboard.press("Enter");
    const table = page.getByRole("table", { name: "Records, the newest first" });
    await table.waitFor();
    // The table is whole once the page has been read.
    await page.waitForLoadState();
    assert.equal(await table.getByRole("row").count(), 51);
    await table.getByRole("cell", { name: "refused" }).waitFor();
    await table.getByRole("columnheader", { name: "purpose" }).waitFor();
    // A region that scrolls can be reached, and is named.
    await page.getByRole("region", { name: "Records, the newest first" }).focus();
    const proof = table.getByRole("link", { name: /^proof of / }).first();
    const [download] = await Promise.all([page.waitForEvent("download"), proof.press("Enter")]);
    assert.match(download.suggestedFilename(), /^record-\d+\.jsonl$/);
    assert.match(readFileSync(await download.path(), "utf8"), /^\{"bundle":"crm-audit\/1"/);
    await page.getByRole("link", { name: "50 older ones" }).press("Enter");
    // The page before has the same headings.
    await page.waitForURL(/[?&]before=/);
    assert.equal(await table.getByRole("row").count(), 13);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  test("the status: a witness has cosigned, a verification can be asked for; then the way out", async () => {
    const { page, problems } = await enter("auditor");
    await page.getByRole("link", { name: "Audit status" }).click();
    await page.getByText("1 of 1").waitFor();
    await page.getByText(KEY.name, { exact: true }).waitFor();
    await page.getByText("The signed note").click();
    await page.getByText(/crm\.example\/audit\/aaaaaaaa/).waitFor();
    await page.getByRole("button", { name: "Verify now" }).click();
    await page.waitForURL(/audit-status\?tenant_id=/);
    await page.getByText("valid", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { level: 1, name: "The cache's console" }).waitFor();
    await page.goto(`${audited.crm.url}/ops/cache/audit-status`);
    await page.getByRole("button", { name: "Log in" }).waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});
