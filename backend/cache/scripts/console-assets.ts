// Writes the console's script and style sheet into a module: a path on disk would be lost in a bundle (npm run build:console).
// Tests: test/unit/console-parts.test.ts
import { hash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../../project-root.js";

const CONSOLE = projectFile("backend", "cache", "src", "console");

/** The module as it should be. */
export function assetsModule(): string {
  const own = (name: string) => readFileSync(path.join(CONSOLE, "browser", name), "utf8");
  const plot = (name: string) =>
    readFileSync(projectFile("node_modules", "uplot", "dist", name), "utf8").trim();
  const licence = readFileSync(projectFile("node_modules", "uplot", "LICENSE"), "utf8").trim();
  const script = `/*!\n${licence}\n*/\n${plot("uPlot.iife.min.js")}\n${own("console.js")}`;
  const style = `${plot("uPlot.min.css")}\n${own("console.css")}`;
  return `// The console's script and style sheet, as texts: written by \`npm run build:console\` from \`browser/\` and uPlot (MIT, its licence is in front).
// Tests: test/unit/console-parts.test.ts
export const CONSOLE_JS: string = ${JSON.stringify(script)};
export const CONSOLE_CSS: string = ${JSON.stringify(style)};
export const ASSET_VERSION = "${hash("sha256", script + style).slice(0, 12)}";
`;
}

if (process.argv[1]?.endsWith("console-assets.js"))
  writeFileSync(path.join(CONSOLE, "assets.ts"), assetsModule());
