// Where a source's tests are: beside its name, or in its header. Both test-map.test.ts check their part of the repository.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectFile } from "../project-root.js";

/** Files with their texts, by their paths from the part's folder, with slashes. */
export type Files = ReadonlyMap<string, string>;

/**
 * A line of a header that names the tests: `// Tests: test/unit/fills.test.ts, test/faults/stampede.test.ts`
 */
const NAMED = /^\/\/ Tests: (.*)$/;
const CODE = /^(?:export )?(?:default )?(?:abstract |async )?(?:const|let|function|class|await|if|for)\b/m;

/**
 * `src/a/b.ts` is tested by `test/**\/b.test.ts`, or its header names its tests. Excepted: the face of a
 * folder (`index.ts`), which only exports, and files of types alone.
 *
 * @returns what is not so, a line for each file; empty where all is well
 */
export function untested(files: Files): readonly string[] {
  const tests = [...files.keys()].filter((file) => /^test\/.*\.test\.ts$/.test(file));
  const byName = new Set(tests.map((file) => path.posix.basename(file, ".test.ts")));
  return [...files].flatMap(([file, text]) => {
    if (file.startsWith("test/")) return [];
    const named = testsNamedIn(text);
    const unknown = named.filter((test) => !tests.includes(test));
    if (unknown.length > 0) return [`${file} names ${unknown.join(", ")}, which is no test`];
    const name = path.posix.basename(file, ".ts");
    if (named.length > 0 || byName.has(name) || name === "index" || !CODE.test(text)) return [];
    return [`${file}: write test/unit/${name}.test.ts, or "// Tests: test/…" beneath its first line`];
  });
}

function testsNamedIn(text: string): readonly string[] {
  // A program's first line is for the system that starts it.
  const lines = text.replace(/^#!.*\n/, "").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const header = end === -1 ? lines : lines.slice(0, end);
  return header.flatMap((line) => NAMED.exec(line)?.[1]?.split(", ") ?? []);
}

/** The TypeScript files below the folders of a part, without declarations of what others wrote. */
export function filesOf(part: string, folders: readonly string[]): Files {
  const names = folders.flatMap((folder) =>
    readdirSync(projectFile(part, folder), { recursive: true, encoding: "utf8" }).map((name) =>
      path.posix.join(folder, name.replaceAll(path.sep, "/")),
    ),
  );
  const sources = names.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  return new Map(sources.map((name) => [name, readFileSync(projectFile(part, name), "utf8")]));
}
