// Where tests get a browser from: the program that is named, one that is installed, or Debian's package, in this order.
import { existsSync } from "node:fs";
import path from "node:path";
import { installOnDebian, onPath } from "./debian-package.js";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/**
 * The path of a Chromium. `TEST_CHROMIUM` names the program, or its path.
 * @throws an Error that says what to install where there is none
 */
export function findBrowser(): string {
  const wanted = process.env.TEST_CHROMIUM;
  if (wanted) {
    const named = wanted.includes(path.sep) ? wanted : onPath(wanted);
    if (!(named && existsSync(named))) throw new Error(`TEST_CHROMIUM: there is no program ${wanted}`);
    return named;
  }
  const found = PROGRAMS.map(onPath).find((program) => program !== undefined);
  const program = found ?? installOnDebian("chromium", "chromium");
  if (program) return program;
  throw new Error(
    "the tests of the console need a browser: install Chromium (on Debian as root the tests do it themselves) or Google Chrome, or set TEST_CHROMIUM to its path",
  );
}
