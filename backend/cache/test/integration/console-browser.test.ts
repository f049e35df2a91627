// The console in Chromium: each page as viewer, tenant admin and superadmin, light and dark, at a phone's width, by axe and by keyboard.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { openBrowser, openPage, sticksOutBy, wrongLooks } from "../../../servers/browser.js";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import {
  type ConsoleWorld,
  consoleWorld,
  PAGES,
  PAGES_OF_ALL,
  PEOPLE,
  type Person,
} from "../support/console-world.js";

/** What is left of the chart for the labels of its axis; and what the longest takes, with its tick. */
const ROOM_OF_LABELS = `(() => {
  const context = document.createElement("canvas").getContext("2d");
  context.font = "12px system-ui, -apple-system, sans-serif";
  return [document.querySelector("#chart .u-over").offsetLeft, context.measureText("100 %").width + 15];
})()`;

describe("the console in Chromium", () => {
  let cache: TenantCache;
  let world: ConsoleWorld;
  let browser: Browser;

  beforeAll(async () => {
    cache = await openCache("memory");
    // The button in the head of each page has to fit, too.
    world = await consoleWorld(cache, { signOut: () => "../../" });
    for (const tenant of ["acme", "globex"])
      for (let index = 0; index < 40; index++) await world.request(`/accounts?page=${index % 8}`, { tenant });
    await cache.idle();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await world.close();
    await cache.close();
  });

  async function open(person: Person): Promise<{ page: Page; problems: string[] }> {
    const opened = await openPage(browser, world.url);
    await opened.page.context().addCookies([{ name: "person", value: person, url: world.url }]);
    return opened;
  }

  const places = (person: Person) => [
    ...PAGES.filter((name) => person !== "viewer" || name !== "purge"),
    "entries?tenant=acme&module=accounts",
    "explain?tenant=acme&url=%2Faccounts",
    "causes?tenant=acme",
    ...(person === "superadmin" ? PAGES_OF_ALL : []),
  ];

  test.each(Object.keys(PEOPLE) as Person[])(
    "each page as %s, light and dark, wide and on a phone: nothing sticks out, axe finds nothing",
    async (person) => {
      const { page, problems } = await open(person);
      for (const name of places(person)) {
        await page.goto(`${world.url}/ops/cache/${name}`);
        assert.equal(await page.getByRole("main").getByRole("heading", { level: 1 }).count(), 1, name);
        const links = page.getByRole("navigation", { name: "Pages" }).getByRole("link");
        assert.ok((await links.count()) >= 8, name);
        const screenshot = person === "superadmin" ? name.split("?")[0] || "overview" : undefined;
        assert.deepEqual(await wrongLooks(page, screenshot), [], name);
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    },
  );

  test("the chart is drawn and says what it shows; a purge can be done by keyboard alone", async () => {
    const { page } = await open("superadmin");
    await page.goto(`${world.url}/ops/cache/`);
    await page.locator("#chart canvas").waitFor();
    await page.getByRole("img", { name: /Hit ratio and latency over time\. Now: \d/ }).waitFor();
    const [room, wanted] = (await page.evaluate(ROOM_OF_LABELS)) as [number, number];
    assert.ok(room >= wanted, `${room} px beside the chart, and "100 %" takes ${wanted}`);
    await page.goto(`${world.url}/ops/cache/purge`);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to content");
    await page.getByRole("textbox", { name: "Tenant" }).fill("acme");
    await page.getByLabel("Modules or tags").fill("accounts");
    await page.getByLabel("Reason").fill("tried by keyboard");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Purge now" }).press("Enter");
    await page.getByRole("status").filter({ hasText: "Confirmed in" }).waitFor();
    await page.context().close();
  });

  test("the longest names that there can be stick out of no page at a phone's width", async () => {
    const [tenant, module] = ["t".repeat(128), "m".repeat(64)];
    await cache.manager.tenant(tenant).getOrSet(`${module}:1`, () => 1, 60);
    await cache.invalidateTenantCache(tenant, module);
    const { page } = await open("superadmin");
    await page.setViewportSize({ width: 360, height: 740 });
    const places = ["tenants", "entries", "explain", "causes", "purge"].map(
      (name) => `${name}?tenant=${tenant}`,
    );
    for (const place of [
      ...places,
      `modules?module=${module}`,
      `entries?tenant=${tenant}&module=${module}`,
    ]) {
      await page.goto(`${world.url}/ops/cache/${place}&url=/${"u".repeat(300)}`);
      assert.ok((await sticksOutBy(page)) <= 0, place.slice(0, 40));
    }
    await page.goto(`${world.url}/ops/cache/purge?tenant=${tenant}&module=${module}`);
    await page.getByLabel("Reason").fill("r".repeat(200));
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.getByRole("heading", { name: "Dry run" }).waitFor();
    assert.ok((await sticksOutBy(page)) <= 0, "a dry run");
    await page.context().close();
  });

  test("the live tail shows events as they come", async () => {
    const { page } = await open("admin");
    await page.goto(`${world.url}/ops/cache/tail`);
    await page.getByText("Following.").waitFor();
    await world.request("/accounts?page=99", { tenant: "acme" });
    await page.getByRole("cell", { name: "miss" }).first().waitFor();
    await page.context().close();
  });
});
