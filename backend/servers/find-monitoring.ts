// Where tests get the programs of Prometheus and Alertmanager from: named, on the PATH, or out of Debian's packages.
// Tests: test/integration/monitoring-rules.test.ts, test/http/monitoring.test.ts
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../project-root.js";
import { downloadFromDebian, installOnDebian, onPath } from "./debian-package.js";

const FOLDER = projectFile("node_modules", ".cache", "promtool");

/** @throws Error that says what to install where there is none */
export function findPromtool(): string {
  return process.env.TEST_PROMTOOL ?? ofPrometheus("promtool", "TEST_PROMTOOL");
}

/** @throws Error that says what to install where there is none */
export function findPrometheus(): string {
  return process.env.TEST_PROMETHEUS ?? ofPrometheus("prometheus", "TEST_PROMETHEUS");
}

/** @throws Error that says what to install where there is none */
export function findAlertmanager(): string {
  const found =
    process.env.TEST_ALERTMANAGER ??
    onPath("alertmanager") ??
    onPath("prometheus-alertmanager") ??
    // Debian's reads a file of its package from where that installs it: unpacked it does not start.
    installOnDebian("prometheus-alertmanager", "prometheus-alertmanager");
  return found ?? lacking("alertmanager", "Alertmanager", "TEST_ALERTMANAGER");
}

function ofPrometheus(program: string, variable: string): string {
  const unpacked = path.join(FOLDER, "usr", "bin", program);
  const found = onPath(program) ?? (existsSync(unpacked) || unpackOnDebian() ? unpacked : undefined);
  return found ?? lacking(program, "Prometheus", variable);
}

function lacking(program: string, product: string, variable: string): never {
  throw new Error(`these tests need ${program}: install ${product}, or set ${variable} to its path`);
}

/** Nothing of the machine is changed, and no server is started. */
function unpackOnDebian(): boolean {
  mkdirSync(FOLDER, { recursive: true });
  if (!downloadFromDebian("prometheus", FOLDER)) return false;
  const file = readdirSync(FOLDER).find((name) => name.endsWith(".deb"));
  if (file === undefined) return false;
  execFileSync("dpkg-deb", ["--extract", file, "."], { cwd: FOLDER });
  return true;
}
