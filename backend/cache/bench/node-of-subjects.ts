// The Node that subjects run under: that of the bench, or another one from npm's packages of it.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** @param wanted a version of the npm package `node`, or the beginning of one (`26`), or the path of a binary */
export function nodeBinary(wanted: string | undefined): string {
  if (wanted === undefined) return process.execPath;
  if (existsSync(wanted)) return wanted;
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  const args = ["--yes", "--package", `node@${wanted}`, "node", "--print", "process.execPath"];
  return execFileSync(npx, args, { encoding: "utf8", shell: npx.endsWith(".cmd") }).trim();
}
