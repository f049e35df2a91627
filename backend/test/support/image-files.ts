// What the Dockerfile puts into the image, in a folder: an installation of its own, beside the one that is tested.
import { cpSync, existsSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../project-root.js";

/**
 * Copies what the last stage's COPY lines name, with compiled files and packages from here.
 * @param packages copied are those of production; linked are all that are here
 */
export function copyImageFiles(to: string, packages: "copied" | "linked"): void {
  const runtime =
    readFileSync(projectFile("Dockerfile"), "utf8")
      .split(/^FROM /m)
      .at(-1) ?? "";
  for (const [, from = "", target = ""] of runtime.matchAll(/^COPY (?:--from=\S+ )?(\S+) (\S+)$/gm)) {
    const source = from.replace(/^\/app\//, "");
    if (source !== "node_modules")
      cpSync(projectFile(source), path.join(to, target === "./" ? source : target), {
        recursive: true,
        filter: isShipped,
      });
    else if (packages === "copied") copyProductionPackages(to);
    else symlinkSync(projectFile(source), path.join(to, source));
  }
}

// .dockerignore keeps tests away from the compiler.
const isShipped = (source: string) => !source.includes(path.join("dist", "backend", "test"));

function copyProductionPackages(to: string): void {
  const lock: { packages: Record<string, { dev?: true; devOptional?: true }> } = JSON.parse(
    readFileSync(projectFile("package-lock.json"), "utf8"),
  );
  for (const [folder, { dev, devOptional }] of Object.entries(lock.packages)) {
    // Nested ones come with the package that they are in.
    if (folder.lastIndexOf("node_modules/") !== 0 || dev || devOptional || !existsSync(projectFile(folder)))
      continue;
    cpSync(projectFile(folder), path.join(to, folder), { recursive: true });
  }
}
