// Chromium for tests, driven by playwright-core, and what every page of a console has to hold in it.
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { projectFile } from "../project-root.js";
import { findBrowser } from "./find-browser.js";

/** In containers there is little shared memory, and tests run as root. */
const ARGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** How long a page may take: Playwright's own 30 s are for a machine that does nothing else. */
export const PATIENT_MS = 120_000;

/** @throws an Error that says what to install where there is no browser */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ARGS, timeout: PATIENT_MS });
}

const AXE = readFileSync(projectFile("node_modules", "axe-core", "axe.min.js"), "utf8");
const STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
const LOOKS = [
  ["light", 1200],
  ["dark", 1200],
  ["light", 360],
  ["dark", 360],
] as const;

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** By how many pixels the page is wider than its window. */
export const sticksOutBy = (page: Page): Promise<number> => page.evaluate<number>(STICKS_OUT);

/** What axe finds in the page as it is. */
export async function violationsIn(page: Page): Promise<string[]> {
  // By the debugger, past the page's policy.
  await page.evaluate(AXE);
  const found = await page.evaluate<Violation[]>("axe.run().then(({ violations }) => violations)");
  return [...found].map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

/**
 * What is wrong with the page, light and dark, wide and on a phone: it sticks out of the screen, or axe finds something.
 * @param screenshot the beginning of the files' names, where `CONSOLE_SCREENSHOTS` names a folder for them
 */
export async function wrongLooks(page: Page, screenshot?: string): Promise<string[]> {
  const { CONSOLE_SCREENSHOTS: folder } = process.env;
  const wrong: string[] = [];
  for (const [colorScheme, width] of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    const found = [...(await violationsIn(page))];
    const pixels = await sticksOutBy(page);
    if (pixels > 0) found.push(`${pixels} pixels wider than the screen`);
    wrong.push(...found.map((each) => `${colorScheme}, ${width} wide: ${each}`));
    if (folder && screenshot !== undefined) {
      mkdirSync(folder, { recursive: true });
      await page.screenshot({
        path: path.join(folder, `${screenshot}-${colorScheme}-${width}.png`),
        scale: "css",
      });
    }
  }
  return wrong;
}

/** A page in a context of its own, and what goes wrong in it: errors of scripts, what the policy refuses, requests to elsewhere. */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  context.setDefaultTimeout(PATIENT_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on(
    "console",
    (message) => message.type() === "error" && problems.push(`${message.text()} ${message.location().url}`),
  );
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) problems.push(`asks ${request.url()}`);
  });
  return { page, problems };
}
