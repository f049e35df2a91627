// Chromium for tests, driven by playwright-core.
import { type Browser, chromium } from "playwright-core";
import { findBrowser } from "../../../servers/find-browser.js";

/** In containers there is little shared memory, and tests run as root. */
const ARGS = ["--no-sandbox", "--disable-dev-shm-usage"];

/** @throws an Error that says what to install where there is no browser */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ARGS });
}
