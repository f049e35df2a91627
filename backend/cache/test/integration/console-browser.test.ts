// The console in Chromium: each page as viewer, tenant admin and superadmin, light and dark, at a phone's width, by axe and by keyboard.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { projectFile } from "../../../project-root.js";
import type { TenantCache } from "../../src/index.js";
import { openBrowser } from "../support/browser.js";
import { openCache } from "../support/caches.js";
import {
  type ConsoleWorld,
  consoleWorld,
  PAGES,
  PAGES_OF_ALL,
  PEOPLE,
  type Person,
} from "../support/console-world.js";

const AXE = readFileSync(projectFile("node_modules", "axe-core", "axe.min.js"), "utf8");
/** Where screenshots go; none are made without it. */
const { CONSOLE_SCREENSHOTS } = process.env;

const LOOKS = [
  ["light", 1200],
  ["dark", 1200],
  ["light", 360],
  ["dark", 360],
] as const;
const STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

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
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await world.close();
    await cache.close();
  });

  async function open(person: Person): Promise<{ page: Page; problems: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    await context.addCookies([{ name: "person", value: person, url: world.url }]);
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(world.url)) problems.push(`asks ${request.url()}`);
    });
    return { page, problems };
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
        // By the debugger, past the page's policy.
        await page.evaluate(AXE);
        for (const [colorScheme, width] of LOOKS) {
          const look = `${name}, ${colorScheme}, ${width} wide`;
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 800 });
          assert.equal(await page.evaluate<number>(STICKS_OUT), 0, `${look}: wider than the screen`);
          const violations = await page.evaluate<Violation[]>(
            "axe.run().then(({ violations }) => violations)",
          );
          const told = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
          assert.deepEqual([...told], [], look);
          if (CONSOLE_SCREENSHOTS && person === "superadmin")
            await shoot(page, `${name.split("?")[0] || "overview"}-${colorScheme}-${width}.png`);
        }
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    },
    180_000,
  );

  test("the chart is drawn and says what it shows; a purge can be done by keyboard alone", async () => {
    const { page } = await open("superadmin");
    await page.goto(`${world.url}/ops/cache/`);
    await page.locator("#chart canvas").waitFor({ timeout: 20_000 });
    await page.getByRole("img", { name: /Hit ratio and latency over time\. Now: \d/ }).waitFor();
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
  }, 60_000);

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
      assert.ok(((await page.evaluate(STICKS_OUT)) as number) <= 0, place.slice(0, 40));
    }
    await page.goto(`${world.url}/ops/cache/purge?tenant=${tenant}&module=${module}`);
    await page.getByLabel("Reason").fill("r".repeat(200));
    await page.getByRole("button", { name: "Dry run" }).click();
    await page.getByRole("heading", { name: "Dry run" }).waitFor();
    assert.ok(((await page.evaluate(STICKS_OUT)) as number) <= 0, "a dry run");
    await page.context().close();
  });

  test("the live tail shows events as they come", async () => {
    const { page } = await open("admin");
    await page.goto(`${world.url}/ops/cache/tail`);
    await page.getByText("Following.").waitFor();
    await world.request("/accounts?page=99", { tenant: "acme" });
    await page.getByRole("cell", { name: "miss" }).first().waitFor();
    await page.context().close();
  }, 60_000);
});

async function shoot(page: Page, file: string): Promise<void> {
  mkdirSync(String(CONSOLE_SCREENSHOTS), { recursive: true });
  await page.screenshot({ path: path.join(String(CONSOLE_SCREENSHOTS), file), scale: "css" });
}
