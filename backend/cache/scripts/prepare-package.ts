// Runs before `npm pack` and `npm publish` in backend/cache: compiles the library alone, and puts the repository's documents beside it.
// With a folder as its argument it prepares the package there, and leaves the workspace's own compiled files alone.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../project-root.js";

const LIBRARY = projectFile("backend", "cache");
const TARGET = path.resolve(process.argv[2] ?? LIBRARY);
// The page that `help` of an error names, for whoever reads it beside the code.
const DOCUMENTS = ["LICENSE", "docs/error-codes.md"];
const OWN_FILES = ["package.json", "README.md", "CHANGELOG.md"];

// Left from a source file that is gone, a file would be packed.
for (const folder of ["dist", "docs"]) {
  rmSync(path.join(TARGET, folder), { recursive: true, force: true });
}
for (const document of DOCUMENTS) cpSync(projectFile(document), path.join(TARGET, document));
if (TARGET !== LIBRARY) {
  for (const file of OWN_FILES) cpSync(path.join(LIBRARY, file), path.join(TARGET, file));
}

const compiler = projectFile("node_modules", "typescript", "bin", "tsc");
const dist = path.join(TARGET, "dist");
// Documentation is beside the types, where editors look for it; the code, a quarter larger with its comments, goes without.
const PASSES = [
  ["--declaration", "false", "--removeComments"],
  ["--declaration", "--emitDeclarationOnly", "--stripInternal"],
];
// Anew: what is packed depends on nothing that was compiled before.
const ANEW = ["--incremental", "false", "--tsBuildInfoFile", "null"];
for (const options of PASSES) run([compiler, "--project", LIBRARY, "--outDir", dist, ...ANEW, ...options]);
removeUnreached();
// A tab instead of the compiler's four spaces a level is a fortieth of the package.
const biome = projectFile("node_modules", "@biomejs", "biome", "bin", "biome");
const format = ["format", "--write", "--vcs-enabled=false", "--indent-style=tab", "--line-width=160"];
run([biome, ...format, dist]);

/** With npm, which prints what it packed to stdout, as JSON where asked to. */
function run(command: readonly string[]): void {
  const { status, error } = spawnSync(process.execPath, command, {
    cwd: projectFile(),
    stdio: ["ignore", process.stderr, "inherit"],
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** Removes the declarations that no public type leads to: `exports` lets nobody import their modules. */
function removeUnreached(): void {
  const reached = new Set<string>();
  const reach = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const imports = readFileSync(file, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g);
    for (const [, target = ""] of imports) reach(path.resolve(path.dirname(file), `${target}.d.ts`));
  };
  for (const entry of [
    "index.d.mts",
    "testing/index.d.mts",
    "testing/store-contract/index.d.mts",
    "feed/index.d.mts",
    "nestjs/index.d.mts",
  ])
    reach(path.join(dist, entry));
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const file = path.join(dist, name);
    if (/\.d\.m?ts$/.test(name) && !reached.has(file)) rmSync(file);
  }
}
