// Loads the packages that the cache is compared with: they are installed apart, in backend/cache/bench/competitors.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { projectFile } from "../../../project-root.js";

const folder = projectFile("backend/cache/bench/competitors");
const resolver = createRequire(`${folder}/package.json`);

/** Installs them where that has not been done. @throws Error where npm fails */
export function installCompetitors(): void {
  if (existsSync(`${folder}/node_modules/.package-lock.json`)) return;
  console.log("installing what the cache is compared with (npm ci in backend/cache/bench/competitors)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const { status } = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
    shell: npm.endsWith(".cmd"),
  });
  if (status !== 0) throw new Error("npm ci failed in backend/cache/bench/competitors");
}

/** A CommonJS package. The caller says what of it is used. */
export function requireCompetitor<T>(name: string): T {
  return resolver(name) as T;
}

/** An ES module. The caller says what of it is used. */
export async function importCompetitor<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(resolver.resolve(name)).href)) as T;
}

export function competitorVersions(): Record<string, string> {
  const { dependencies } = resolver("./package.json") as { dependencies: Record<string, string> };
  return dependencies;
}
