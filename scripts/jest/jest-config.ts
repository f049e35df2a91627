// The configuration of Jest: which suites there are, and that they run as they were compiled.
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../../backend/project-root.js";

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
  globalSetup: beside("./start-services.js"),
  globalTeardown: beside("./stop-services.js"),
  reporters: ["default", beside("./hang-reporter.js")],
  // Most of them wait most of the time, for servers, timers and each other.
  maxWorkers: 2 * availableParallelism(),
  // Each file loads what it imports anew, and V8 keeps what was loaded.
  workerIdleMemoryLimit: "1GB",
  watchman: false,
  coverageProvider: "v8",
  coverageDirectory: "<rootDir>/coverage",
  collectCoverageFrom: ["<rootDir>/dist/backend/cache/src/**/*.js"],
  coverageThreshold: { global: { lines: 95, branches: 90 } },
};
