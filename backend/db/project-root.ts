// Where the project is, whether this file runs from the sources' folder or from dist/.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json and backend/db/migrations, found upwards from this file. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (
    !existsSync(join(folder, "backend", "db", "migrations")) ||
    !existsSync(join(folder, "package.json"))
  ) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error("backend/db/migrations was not found: run this from a complete copy of the project");
    }
    folder = parent;
  }
  return folder;
}
