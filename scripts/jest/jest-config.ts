// The configuration of Jest: which suites there are, and that they run as they were compiled.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { projectFile, projectRoot } from "../../backend/project-root.js";

const LIBRARY = "dist/backend/cache/src";

/** Folders of tests for each project: `npm test -- --selectProjects unit`. */
const PROJECTS = {
  // With the sources, so that those that no test loads are in the report of coverage.
  unit: ["backend/cache/test/unit", "backend/cache/src"],
  contract: ["backend/cache/test/contract"],
  http: ["backend/cache/test/integration", "backend/cache/test/conformance"],
  faults: ["backend/cache/test/faults"],
  package: ["backend/cache/test/package"],
  crm: ["backend/test"],
} as const;

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Files of types alone: nothing is left of them to run, and no test loads them. */
function withoutCode(): string[] {
  const compiled = readdirSync(projectFile(LIBRARY), { recursive: true, encoding: "utf8" });
  const isEmpty = (file: string) =>
    /^(?:\/\/.*\n|export \{\};\n)*(?:\/\/.*)?$/.test(readFileSync(projectFile(LIBRARY, file), "utf8"));
  return compiled
    .filter((file) => file.endsWith(".js") && isEmpty(file))
    .map((file) => file.replaceAll("\\", "/"));
}

export default {
  rootDir: projectRoot,
  projects: Object.entries(PROJECTS).map(([displayName, folders]) => ({
    displayName,
    rootDir: projectRoot,
    roots: folders.map((folder) => `<rootDir>/dist/${folder}`),
    testMatch: ["**/*.test.js"],
    // What tsc has compiled is what is tested: Node loads it as ESM.
    transform: {},
    testEnvironment: beside("./environment.js"),
    setupFilesAfterEnv: [beside("./patience.js")],
    restoreMocks: true,
    haste: { forceNodeFilesystemAPI: true },
  })),
  testSequencer: beside("./longest-first.js"),
  globalSetup: beside("./start-services.js"),
  globalTeardown: beside("./stop-services.js"),
  reporters: ["default", beside("./hang-reporter.js")],
  // A file waits for two thirds of its time, for servers, timers and other processes.
  maxWorkers: 3 * availableParallelism(),
  // Each file loads what it imports anew, and V8 keeps what was loaded: ten to twenty megabytes of each.
  workerIdleMemoryLimit: "700MB",
  watchman: false,
  coverageProvider: "v8",
  coverageDirectory: "<rootDir>/coverage",
  collectCoverageFrom: [
    `<rootDir>/${LIBRARY}/**/*.js`,
    ...withoutCode().map((file) => `!<rootDir>/${LIBRARY}/${file}`),
  ],
  coverageThreshold: { global: { lines: 95, branches: 90 } },
};
