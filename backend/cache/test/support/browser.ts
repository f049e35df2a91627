// Chromium for tests: that of CHROMIUM_PATH, or one that is installed; none is a failure that says what to do.
import { execFileSync } from "node:child_process";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? installed();
  if (executablePath === undefined)
    throw new Error("no Chromium: set CHROMIUM_PATH, or install one (Debian: apt-get install chromium)");
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

function installed(): string | undefined {
  for (const name of NAMES) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // The next one, perhaps.
    }
  }
  return undefined;
}
