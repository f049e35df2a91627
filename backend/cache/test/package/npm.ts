// npm for the suites of the package: packs the library, and installs it in projects of its users.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { projectFile } from "../../../project-root.js";
import { npm } from "../../../servers/npm-install.js";
import { onceARun } from "./once-a-run.js";

export { install } from "../../../servers/npm-install.js";

const run = promisify(execFile);
const PREPARE = "dist/backend/cache/scripts/prepare-package.js";

/** A tarball of the library, and what is in it. */
export interface Tarball {
  readonly file: string;
  readonly size: number;
  /** Paths in the package. */
  readonly contents: readonly string[];
}

/** A temporary folder with its own package.json. */
export interface NpmProject {
  readonly folder: string;
  write(name: string, text: string): void;
  remove(): void;
}

/** Packs the library as `npm pack` does in backend/cache, once for all files of a run: it takes a compiler some twenty seconds. */
export async function packLibrary(folder: string): Promise<Tarball> {
  const shared = await onceARun("packed", pack);
  return shared ? { ...shared.made, file: path.join(shared.folder, shared.made.name) } : pack(folder);
}

/** Without compiling this suite again. */
async function pack(folder: string): Promise<Tarball & { readonly name: string }> {
  const prepared = path.join(folder, "prepared");
  mkdirSync(prepared);
  await run(process.execPath, [projectFile(PREPARE), prepared]);
  const flags = ["--ignore-scripts", "--json", "--pack-destination", folder];
  const output = await npm(prepared, "pack", ...flags);
  rmSync(prepared, { recursive: true });
  // npm 12 lists the packages by name.
  const report: unknown = JSON.parse(output);
  const [packed] = Object.values(report as Record<string, PackReport>);
  if (packed === undefined) throw new Error(`npm pack reported nothing: ${output}`);
  const contents = packed.files.map((file) => file.path);
  const { filename: name, size } = packed;
  return { file: path.join(folder, name), name, size, contents };
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** An empty project, in a folder outside the repository: nothing is found in the repository's node_modules. */
export function createNpmProject(): NpmProject {
  const folder = mkdtempSync(path.join(tmpdir(), "express-tenant-cache-package-"));
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write("package.json", JSON.stringify({ private: true, type: "module" }));
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
