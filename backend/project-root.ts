// Where the repository's own files are, from sources and from dist/ alike.
import { existsSync } from "node:fs";
import path from "node:path";

function findRoot(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, "package.json"))) return folder;
    if (folder === path.dirname(folder)) throw new Error("no package.json above this file");
  }
}

export const projectRoot = findRoot();

/** The absolute path of a file that is shipped beside the code, such as a migration. */
export function projectFile(...parts: readonly string[]): string {
  return path.join(projectRoot, ...parts);
}
