// The packed library in the test runners of its users: CommonJS and ESM, Jest's own realms, one library for both ways to load it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
import { nodeBinary } from "./node-binaries.js";
import { createToolProject, INNER_TIMEOUT_MS, isFull, runIn, type ToolProject } from "./tools.js";

/** A user's test, after the line that names what is `it`. */
const SUITE = `import assert from "node:assert";
import express from "express";
import { createTenantCache, TenantCacheError } from "express-tenant-cache";
import { verifyRoutes } from "express-tenant-cache/testing";
import { storeContract } from "express-tenant-cache/testing/store";

const lines = [];
const logger = { info: () => undefined, warn: (line) => lines.push(line), error: (line) => lines.push(line) };
const tenant = (req) => req.get("x-tenant");

async function asked(options, work) {
  const cache = createTenantCache({ tenant, logger, budgetMs: 10000, ...options });
  const app = express();
  app.get("/list", cache.cacheList("items", { ttlSeconds: 60, staleWhileRevalidate: 60 }), (_req, res) => { res.json([1]); });
  const server = await new Promise((resolve) => { const made = app.listen(0, "127.0.0.1", () => resolve(made)); });
  const ask = async () => {
    const response = await fetch("http://127.0.0.1:" + server.address().port + "/list", { headers: { "x-tenant": "acme" } });
    assert.strictEqual(await response.text(), "[1]");
    await cache.idle();
    return response.headers.get("cache-status");
  };
  try {
    await work(ask, cache);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await cache.close();
  }
}

it("hits in process", () => asked({}, async (ask) => {
  assert.match(await ask(), /fwd=miss; stored/);
  assert.match(await ask(), /; hit/);
}));
it("hits in Redis", () => asked({ redis: new URL(process.env.PROBE_REDIS_URL), keyPrefix: process.pid + "-" + Date.now() + ":" }, async (ask, cache) => {
  assert.ok(await cache.ready(60000));
  assert.match(await ask(), /fwd=miss; stored/);
  assert.match(await ask(), /; hit/);
}));
it("goes on without its store, and says why", () => asked({ redis: "redis://127.0.0.1:1" }, async (ask, cache) => {
  assert.match(await ask(), /fwd=bypass/);
  for (let tries = 0; tries < 100 && !/ECONNREFUSED/.test(cache.health().reason ?? ""); tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(cache.health().reason, /ECONNREFUSED/);
}));
it("refuses, by its one class", () => {
  assert.throws(() => createTenantCache({}), (error) => error instanceof TenantCacheError && error.code === "ETC_OPTIONS");
  assert.ok(storeContract({ open: () => undefined }).length > 5);
  assert.strictEqual(typeof verifyRoutes, "function");
});
`;
/** The same, as TypeScript. */
const TYPED = `// @ts-nocheck\n${SUITE}`;
const BOTH = `import assert from "node:assert";
import { createRequire } from "node:module";
import * as imported from "express-tenant-cache";
const required = createRequire(import.meta.url)("express-tenant-cache");
assert.deepStrictEqual(Object.keys(required).sort(), Object.keys(imported).filter((name) => !/^(default|__esModule|module.exports)$/.test(name)).sort());
for (const name of Object.keys(required)) assert.strictEqual(imported[name], required[name], name);
`;
const PATIENTLY = `--testTimeout=${INNER_TIMEOUT_MS}`;
const JEST_CJS = "node_modules/jest/bin/jest.js";
const JEST_29 = "node_modules/jest-29/bin/jest.js";
const BABEL = { presets: [["@babel/preset-env", { targets: { node: "20" } }], "@babel/preset-typescript"] };

const withJest = (jest: string, transform: Record<string, unknown>, file: string) => ({
  type: "commonjs" as const,
  args: [
    ...[jest, "--rootDir=.", "--config", JSON.stringify({ testMatch: [`**/${file}`], transform })],
    "--runInBand",
    PATIENTLY,
  ],
});
const babel = (jest: string) =>
  withJest(
    jest,
    // Its own one, by its path: `exports` of the package jest hides it.
    {
      "\\.js$": [
        jest === JEST_29 ? "<rootDir>/node_modules/jest-29/node_modules/babel-jest" : "babel-jest",
        BABEL,
      ],
    },
    "suite.js",
  );
const tsJest = (jest: string) =>
  withJest(
    jest,
    {
      "\\.ts$": [
        "ts-jest",
        { tsconfig: { module: "commonjs", esModuleInterop: true, isolatedModules: true } },
      ],
    },
    "suite.ts",
  );
const swc = (jest: string) =>
  withJest(jest, { "\\.ts$": ["@swc/jest", { module: { type: "commonjs" } }] }, "suite.ts");

interface Runner {
  readonly type: "commonjs" | "module";
  readonly args: readonly string[];
  /** Default: the Node that runs this. */
  readonly node?: string;
}
const RUNNERS: Readonly<Record<string, Runner>> = {
  "Jest 30, CommonJS, babel-jest": babel(JEST_CJS),
  "Jest 29, CommonJS, @swc/jest": swc(JEST_29),
  "Jest 30, ESM": {
    type: "module",
    args: [
      ...["--experimental-vm-modules", JEST_CJS, "--rootDir=.", "--runInBand", PATIENTLY, "--config"],
      JSON.stringify({ testMatch: ["**/suite.js"], transform: {} }),
    ],
  },
  Vitest: {
    type: "module",
    args: ["node_modules/vitest/vitest.mjs", "run", PATIENTLY, "--globals", "--dir", ".", "vitest.test.js"],
  },
  "node --test": { type: "module", args: ["--test", "node-test.js"] },
  "import and require": { type: "module", args: ["both.js"] },
  ...(isFull && {
    Mocha: {
      type: "module",
      args: ["node_modules/mocha/bin/mocha.js", `--timeout=${INNER_TIMEOUT_MS}`, "suite.js"],
    },
    "Jest 30, CommonJS, ts-jest": tsJest(JEST_CJS),
    "Jest 30, CommonJS, @swc/jest": swc(JEST_CJS),
    "Jest 29, CommonJS, ts-jest": tsJest(JEST_29),
    "Jest 29, CommonJS, babel-jest": babel(JEST_29),
    ...Object.fromEntries(
      ["20.19.0", "22", "24", "26"].flatMap((node): [string, Runner][] => [
        [`node --test, Node ${node}`, { type: "module", args: ["--test", "node-test.js"], node }],
        [`Jest 30, CommonJS, @swc/jest, Node ${node}`, { ...swc(JEST_CJS), node }],
        [`import and require, Node ${node}`, { type: "module", args: ["both.js"], node }],
      ]),
    ),
    Bun: { type: "module", args: ["bun.test.js"], node: "bun" },
    Deno: { type: "module", args: ["node-test.js"], node: "deno" },
  }),
};

describe("in a project of", () => {
  const projects: Record<string, ToolProject> = {};
  beforeAll(async () => {
    for (const type of ["commonjs", "module"] as const) {
      const project = await createToolProject(type);
      projects[type] = project;
      project.write("suite.js", SUITE);
      project.write("suite.ts", TYPED);
      project.write("vitest.test.js", SUITE);
      project.write("node-test.js", `import { it } from "node:test";\n${SUITE}`);
      project.write("bun.test.js", SUITE);
      project.write("both.js", BOTH);
    }
  });
  afterAll(() => {
    for (const project of Object.values(projects)) project.remove();
  });

  test.each(Object.keys(RUNNERS))("%s", async (name) => {
    const { type, args, node } = RUNNERS[name] as Runner;
    const project = projects[type] as ToolProject;
    if (project.missing) assert.fail(project.missing);
    const env = { PROBE_REDIS_URL: await sharedRedisUrl(), CI: "1" };
    const [file, first] = await programOf(node);
    await runIn(project, file, [...first, ...args], env);
  });
});

/** What runs the arguments, and what stands before them. */
async function programOf(node: string | undefined): Promise<[file: string, first: readonly string[]]> {
  if (node === undefined) return [process.execPath, []];
  if (node === "bun") return ["node_modules/bun/bin/bun.exe", ["test", `--timeout=${INNER_TIMEOUT_MS}`]];
  if (node === "deno") return ["node_modules/deno/deno", ["test", "--allow-all", "--no-check"]];
  const { file, missing } = await nodeBinary(node);
  if (missing !== undefined) assert.fail(missing);
  return [file, []];
}
