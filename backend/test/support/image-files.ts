// What the Dockerfile puts into the image, in a folder: an installation of its own, beside the one that is tested.
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../project-root.js";

/** .dockerignore keeps these away from the compiler. */
export const NOT_COMPILED: readonly string[] = [
  "backend/test",
  "backend/servers",
  ...["test", "bench", "freshness", "model", "scripts"].map((room) => `backend/cache/${room}`),
];
const isShipped = (source: string) => !NOT_COMPILED.some((folder) => source === projectFile("dist", folder));

/**
 * Places what the last stage's COPY lines name, with compiled files and packages from here.
 * @param packages whether those of production are copied, or are links to the ones that are here
 */
export function copyImageFiles(to: string, packages: "copied" | "linked"): void {
  const runtime =
    readFileSync(projectFile("Dockerfile"), "utf8")
      .split(/^FROM /m)
      .at(-1) ?? "";
  for (const [, from = "", target = ""] of runtime.matchAll(/^COPY (?:--from=\S+ )?(\S+) (\S+)$/gm)) {
    const source = from.replace(/^\/app\//, "");
    if (source === "node_modules") placePackages(to, packages);
    else
      cpSync(projectFile(source), path.join(to, target === "./" ? source : target), {
        recursive: true,
        filter: isShipped,
      });
  }
}

function placePackages(to: string, packages: "copied" | "linked"): void {
  const lock: { packages: Record<string, { dev?: true; devOptional?: true; link?: true }> } = JSON.parse(
    readFileSync(projectFile("package-lock.json"), "utf8"),
  );
  for (const [folder, { dev, devOptional, link }] of Object.entries(lock.packages)) {
    const place = path.join(to, folder);
    // As npm does: the library's folder has the place of a package.
    if (link) {
      symlinkSync(path.relative("node_modules", "backend/cache"), place);
      continue;
    }
    // Nested ones come with the package that they are in.
    if (folder.lastIndexOf("node_modules/") !== 0 || dev || devOptional || !existsSync(projectFile(folder)))
      continue;
    if (packages === "copied") cpSync(projectFile(folder), place, { recursive: true });
    else {
      mkdirSync(path.dirname(place), { recursive: true });
      symlinkSync(projectFile(folder), place);
    }
  }
}
