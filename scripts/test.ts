// `npm test`: format and lint, types, then every suite. Arguments are Jest's; a plain one selects test files by a part of their path.
import { type ChildProcess, spawn } from "node:child_process";
import { projectFile, projectRoot } from "../backend/project-root.js";
import { jestArguments } from "./jest/jest-arguments.js";

const INTERRUPTED_EXIT_CODE = 130;
const JEST = ["--experimental-vm-modules", projectFile("node_modules/jest/bin/jest.js")];

const failed: string[] = [];
let tool: ChildProcess | undefined;
let interrupted = false;

async function step(name: string, command: readonly string[], isGroup = false): Promise<void> {
  if (interrupted) return;
  const startedAtMs = performance.now();
  console.log(`\n=== ${name}`);
  const problem = await run(command, isGroup);
  if (problem !== undefined) {
    failed.push(name);
    if (!interrupted) console.error(problem);
  }
  console.log(`=== ${name}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
}

/** Resolves with what went wrong. */
function run(command: readonly string[], isGroup: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    tool = spawn(process.execPath, command, {
      cwd: projectRoot,
      stdio: ["ignore", "inherit", "inherit"],
      // So that Jest can end with all that it has started.
      detached: isGroup,
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    tool.once("error", ({ message }) => resolve(message));
    tool.once("close", (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`));
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // npm passes Ctrl-C on although the terminal has sent it here as well.
    if (interrupted) return;
    interrupted = true;
    tool?.kill("SIGTERM");
  });
}

const tsc = (project: string) => [
  projectFile("node_modules/typescript/bin/tsc"),
  "--project",
  projectFile(project),
];
await step("format and lint", [
  projectFile("node_modules/@biomejs/biome/bin/biome"),
  "check",
  "--error-on-warnings",
  ".",
]);
// The package first: the backend imports it by its name.
await step("types and build: the package", tsc("backend/cache"));
await step("types and build", tsc("tsconfig.json"));
// Suites of code that does not compile would run what was compiled before.
if (!failed.some((name) => name.startsWith("types")))
  await step(
    "suites",
    [
      ...JEST,
      "--config",
      projectFile("dist/scripts/jest/jest-config.js"),
      ...jestArguments(process.argv.slice(2)),
    ],
    true,
  );
console.log(
  interrupted ? "\nInterrupted" : failed.length > 0 ? `\nFailed: ${failed.join(", ")}` : "\nAll steps passed",
);
process.exit(interrupted ? INTERRUPTED_EXIT_CODE : failed.length > 0 ? 1 : 0);
