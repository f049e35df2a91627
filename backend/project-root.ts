// Finds the project's folder, whether the code runs from its sources, from dist/ or in the image.
// Tests: test/faults/image-files.test.ts
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

function findProjectRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "package.json"))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error(`No package.json in any folder above ${import.meta.url}`);
    folder = parent;
  }
  return folder;
}

/** Absolute path of the folder that holds package.json. */
export const projectRoot: string = findProjectRoot();

/** Absolute path of a file that is shipped beside the code, such as a migration. */
export function projectFile(...parts: readonly string[]): string {
  return path.join(projectRoot, ...parts);
}
