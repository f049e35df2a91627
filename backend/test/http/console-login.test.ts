// The console of the CRM in Chromium: from its address to the login, by a token into the pages, and what an admin does there.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage, violationsIn } from "../../servers/browser.js";
import { type Crm, startCrm, TENANT_A } from "../support/crm.js";

describe("the CRM's console in a browser", () => {
  let crm: Crm;
  let browser: Browser;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    crm = await startCrm("memory");
    browser = await openBrowser();
    ({ page, problems } = await openPage(browser, crm.url));
  });
  afterAll(async () => {
    await browser?.close();
    await crm?.close();
  });

  async function logIn(token: string): Promise<void> {
    await page.getByLabel("Token of an admin").fill(token);
    await page.getByRole("button", { name: "Log in" }).click();
  }

  test("its address leads to the login, which axe finds nothing in, and which takes a token of an admin alone", async () => {
    await page.goto(`${crm.url}/ops/cache`);
    await page.getByRole("heading", { level: 1, name: "The cache's console" }).waitFor();
    assert.deepEqual(await violationsIn(page), []);
    await logIn(await crm.token("member", TENANT_A));
    await page.getByRole("alert").waitFor();
    const said = problems.splice(0);
    assert.ok(
      said.every((text) => /status of 401/.test(text)),
      said.join("\n"),
    );
  });

  test("an admin sees the own tenant, explains a request as somebody who is logged in, and purges", async () => {
    const member = await crm.client("member", TENANT_A);
    for (let index = 0; index < 3; index++) await member.get("/api/accounts").expect(200);
    await logIn(await crm.token("admin", TENANT_A));
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.locator("#chart canvas").waitFor();
    await page.getByRole("link", { name: "Explain" }).click();
    assert.equal(await page.getByLabel("Tenant").inputValue(), TENANT_A);
    await page.getByLabel("URL").fill("/api/accounts");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByRole("heading", { level: 2, name: "hit" }).waitFor();
    await page.getByRole("link", { name: "Purge" }).click();
    await page.getByLabel("Modules or tags").fill("accounts");
    await page.getByLabel("Reason").fill("imported wrongly");
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.getByRole("button", { name: "Purge now" }).click();
    await page.getByRole("status").filter({ hasText: "Confirmed in" }).waitFor();
    await page.getByRole("link", { name: "Causes" }).click();
    await page.getByRole("cell", { name: "imported wrongly" }).waitFor();
    const { headers } = await member.get("/api/accounts").expect(200);
    assert.doesNotMatch(String(headers["cache-status"]), /; hit/);
    assert.deepEqual([...problems], []);
  });
});
