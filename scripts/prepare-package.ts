// Runs before `npm pack` and `npm publish` in backend/cache: compiles the library alone, and puts the repository's documents beside it.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../backend/project-root.js";

const PACKAGE_FOLDER = projectFile("backend", "cache");
// `help` of an error names the page of the error codes by this path.
const DOCUMENTS = ["LICENSE", "CHANGELOG.md", "docs/error-codes.md"];

// Left from a source file that is gone, a file would be packed.
for (const folder of ["dist", "docs"]) {
  rmSync(path.join(PACKAGE_FOLDER, folder), { recursive: true, force: true });
}
for (const document of DOCUMENTS) cpSync(projectFile(document), path.join(PACKAGE_FOLDER, document));

const compiler = projectFile("node_modules", "typescript", "bin", "tsc");
// Documentation is beside the types, where editors look for it; the code, a quarter larger with its comments, goes without.
const PASSES = [
  ["--declaration", "false", "--removeComments"],
  ["--declaration", "--emitDeclarationOnly"],
];
for (const options of PASSES) {
  const { status, error } = spawnSync(
    process.execPath,
    [compiler, "--project", PACKAGE_FOLDER, ...options],
    // npm prints what it packed to stdout, as JSON where asked to.
    { stdio: ["ignore", process.stderr, "inherit"] },
  );
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
