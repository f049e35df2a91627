// The code of the package's README, as a user would copy it.
import { readFileSync } from "node:fs";
import { projectFile } from "../../../project-root.js";

const readme = readFileSync(projectFile("backend", "cache", "README.md"), "utf8");

/** The block that begins with the file's name in a comment. */
export function readmeFile(name: string): string {
  const block = blocks("[a-z]+").find((text) => text.startsWith(`// ${name}\n`));
  if (block === undefined)
    throw new Error(`backend/cache/README.md has no block that begins with // ${name}`);
  return block;
}

/** The names of all such blocks. */
export function readmeFiles(): string[] {
  return blocks("[a-z]+").flatMap((text) => /^\/\/ ([\w.-]+\.\w+)\n/.exec(text)?.[1] ?? []);
}

/** The lines of the shell blocks that begin with a command. */
export function readmeCommands(command: string): string[] {
  return blocks("sh")
    .flatMap((text) => text.split("\n"))
    .filter((line) => line.startsWith(`${command} `));
}

function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, text = ""]) => text,
  );
}
