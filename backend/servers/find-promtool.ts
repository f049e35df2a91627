// Where tests get `promtool` from: named, on the PATH, or out of Debian's package, which is unpacked and not installed.
// Tests: test/integration/monitoring-rules.test.ts
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../project-root.js";
import { downloadFromDebian, onPath } from "./debian-package.js";

const FOLDER = projectFile("node_modules", ".cache", "promtool");
const UNPACKED = path.join(FOLDER, "usr", "bin", "promtool");

/** @throws Error that says what to install where there is none */
export function findPromtool(): string {
  const named = process.env.TEST_PROMTOOL;
  if (named) return named;
  const found = onPath("promtool") ?? (existsSync(UNPACKED) ? UNPACKED : unpackOnDebian());
  if (found) return found;
  throw new Error("these tests need promtool: install Prometheus, or set TEST_PROMTOOL to its path");
}

/** Nothing of the machine is changed, and no server is started. */
function unpackOnDebian(): string | undefined {
  mkdirSync(FOLDER, { recursive: true });
  if (!downloadFromDebian("prometheus", FOLDER)) return undefined;
  const file = readdirSync(FOLDER).find((name) => name.endsWith(".deb"));
  if (file === undefined) return undefined;
  execFileSync("dpkg-deb", ["--extract", file, "."], { cwd: FOLDER });
  return existsSync(UNPACKED) ? UNPACKED : undefined;
}
