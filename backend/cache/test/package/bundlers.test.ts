// The packed library in bundles that run alone, with Redis and staleWhileRevalidate: what it needs is in them.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTestDatabase, sharedRedisUrl, type TestDatabase } from "../../../servers/index.js";
import { EXPECTED_WITH_STALE } from "./expected.js";
import { createToolProject, isFull, runIn, type ToolProject } from "./tools.js";

const ENTRY = `import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { probe } from "./probe.mjs";
probe({ createTenantCache }, express).catch((error) => { console.error(error); process.exit(1); });
`;
/** For bundlers that do not follow what is loaded in a \`try\`: the app loads it. */
const GIVING = `import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { Redis } from "ioredis";
import inject from "light-my-request";
import { probe } from "./probe.mjs";
const redis = new Redis(process.env.PROBE_REDIS_URL, { lazyConnect: true });
probe({ createTenantCache }, express, { redis, inject })
  .then(() => redis.disconnect())
  .catch((error) => { console.error(error); process.exit(1); });
`;
const REQUIRING = `const express = require("express");
const { createTenantCache } = require("express-tenant-cache");
const { probe } = require("./probe.mjs");
probe({ createTenantCache }, express).catch((error) => { console.error(error); process.exit(1); });
`;
/** A route that names nothing, whose statements are read by PostgreSQL's own grammar. */
const AUTO = `import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { createFeed } from "express-tenant-cache/feed";
import pg from "pg";
const pool = new pg.Pool({ connectionString: process.env.PROBE_DATABASE_URL });
const lines = [];
const logger = { info: () => undefined, warn: (line) => lines.push(line), error: (line) => lines.push(line) };
const run = async () => {
  await pool.query("CREATE TABLE IF NOT EXISTS accounts (id int, tenant_id text)");
  const feed = createFeed({ database: pool, tables: { accounts: { module: "accounts", tenant: "tenant_id" } } });
  await feed.install();
  const cache = createTenantCache({ tenant: () => "acme", logger, feed });
  cache.track(pool);
  const app = express();
  app.get("/list", cache.cacheList("pages", { ttlSeconds: 60, dependsOn: "auto" }), async (_req, res) => {
    res.json((await pool.query("SELECT id FROM accounts WHERE tenant_id = $1", ["acme"])).rows);
  });
  const server = await new Promise((resolve) => { const made = app.listen(0, "127.0.0.1", () => resolve(made)); });
  const ask = async () => {
    const response = await fetch("http://127.0.0.1:" + server.address().port + "/list");
    await response.text();
    await cache.idle();
    return response.headers.get("cache-status");
  };
  const isDone = (status) => status.includes("; hit") || lines.some((line) => line.includes("ETC_LIBPG_QUERY") || line.includes("WebAssembly"));
  let status = await ask();
  while (!isDone(status)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    status = await ask();
  }
  process.stdout.write(JSON.stringify({ status, lines }));
  process.exit(0);
};
run().catch((error) => { console.error(error); process.exit(1); });
`;
/** Of an ESM bundle, for Express, which is CommonJS. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;
const ESBUILD = `const [entry, outfile, format] = process.argv.slice(2);
const banner = format === "esm" ? { js: ${JSON.stringify(REQUIRE)} } : {};
require("esbuild").buildSync({
  external: process.argv.slice(5), entryPoints: [entry], outfile, format, banner, bundle: true, platform: "node", logLevel: "error",
});
`;
const TSUP = `import { build } from "tsup";
await build({
  entry: ["entry.mjs"], format: ["cjs"], outDir: "tsup", noExternal: [/.*/], silent: true, config: false,
});
`;
const WEBPACK = `const [entry, filename, external] = process.argv.slice(2);
require("webpack")({
  externals: external ? { [external]: "commonjs " + external } : {},
  entry: "./" + entry, target: "node20", mode: "production", devtool: false,
  optimization: { minimize: false }, output: { path: process.cwd(), filename },
}, (error, stats) => {
  const { errors } = stats ? stats.toJson({ all: false, errors: true }) : { errors: [] };
  if (error || errors.length > 0) { console.error(error ?? errors); process.exit(1); }
});
`;
const ROLLUP = `import { rollup } from "rollup";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
const [entry, file, format, peers, ...external] = process.argv.slice(2);
const bundle = await rollup({
  external,
  input: entry, onwarn: () => undefined,
  plugins: [
    nodeResolve({ preferBuiltins: true }),
    commonjs({ ignoreTryCatch: peers === "follow" ? (id) => !["ioredis", "light-my-request"].includes(id) : true }),
    json(),
  ],
});
await bundle.write({ file, format });
`;

const bin = (...parts: string[]) => path.join("node_modules", ...parts);
/** The commands of each bundler, and the bundle. */
const BUNDLERS: Readonly<Record<string, { readonly args: readonly string[]; readonly bundle: string }>> = {
  "esbuild, cjs": { args: ["esbuild.cjs", "entry.mjs", "out.cjs", "cjs"], bundle: "out.cjs" },
  "esbuild, esm": { args: ["esbuild.cjs", "entry.mjs", "out.mjs", "esm"], bundle: "out.mjs" },
  webpack: { args: ["webpack.cjs", "entry.mjs", "webpack-out.cjs"], bundle: "webpack-out.cjs" },
  "rollup, peers given": {
    args: ["rollup.mjs", "giving.mjs", "rollup.cjs", "cjs", "", "libpg-query"],
    bundle: "rollup.cjs",
  },
  ...(isFull && {
    "esbuild, cjs, required": {
      args: ["esbuild.cjs", "required.cjs", "required-out.cjs", "cjs"],
      bundle: "required-out.cjs",
    },
    "rollup, told to follow": {
      args: ["rollup.mjs", "entry.mjs", "follow.mjs", "es", "follow", "libpg-query"],
      bundle: "follow.mjs",
    },
    ncc: {
      args: [bin("@vercel", "ncc", "dist", "ncc", "cli.js"), "build", "entry.mjs", "-o", "ncc"],
      bundle: "ncc",
    },
    tsup: { args: ["tsup.mjs"], bundle: path.join("tsup", "entry.cjs") },
  }),
};

let project: ToolProject;
let database: TestDatabase | undefined;
beforeAll(async () => {
  database = await createTestDatabase();
  project = await createToolProject("module");
  const probe = fileURLToPath(new URL("./probe.js", import.meta.url));
  project.write("probe.mjs", readFileSync(probe, "utf8"));
  project.write("entry.mjs", ENTRY);
  project.write("giving.mjs", GIVING);
  project.write("required.cjs", REQUIRING);
  project.write("auto.mjs", AUTO);
  project.write("esbuild.cjs", ESBUILD);
  project.write("tsup.mjs", TSUP);
  project.write("webpack.cjs", WEBPACK);
  project.write("rollup.mjs", ROLLUP);
});
afterAll(async () => {
  project.remove();
  await database?.drop();
});

describe("bundled", () => {
  test.each(Object.keys(BUNDLERS))("%s: the bundle runs alone", async (name) => {
    if (project.missing) assert.fail(project.missing);
    const { args, bundle } = BUNDLERS[name] as (typeof BUNDLERS)[string];
    await runIn(project, process.execPath, args);
    assert.deepEqual(await runAlone(path.join(project.folder, bundle)), EXPECTED_WITH_STALE);
  });

  test.each([
    ["esbuild", ["esbuild.cjs", "auto.mjs", "auto.cjs", "cjs", "libpg-query"], "auto.cjs"],
    ["esbuild, esm", ["esbuild.cjs", "auto.mjs", "auto-out.mjs", "esm", "libpg-query"], "auto-out.mjs"],
    ["webpack", ["webpack.cjs", "auto.mjs", "auto-webpack.cjs", "libpg-query"], "auto-webpack.cjs"],
    ["rollup", ["rollup.mjs", "auto.mjs", "auto-rollup.cjs", "cjs", "", "libpg-query"], "auto-rollup.cjs"],
  ])(
    "%s: a route that names nothing hits, with libpg-query beside the bundle",
    async (_name, args, bundle) => {
      if (project.missing) assert.fail(project.missing);
      await runIn(project, process.execPath, args);
      const { status } = (await runAlone(path.join(project.folder, bundle), ["libpg-query"])) as AutoProbe;
      assert.match(status, /; hit/);
    },
  );

  test("esbuild: with libpg-query in the bundle such routes are not cached, and a line says what to do", async () => {
    if (project.missing) assert.fail(project.missing);
    await runIn(project, process.execPath, ["esbuild.cjs", "auto.mjs", "auto-within.cjs", "cjs"]);
    const { status, lines } = (await runAlone(path.join(project.folder, "auto-within.cjs"))) as AutoProbe;
    assert.match(status, /fwd=miss; detail=catalogue/);
    assert.match(lines.join(), /leave libpg-query out of the bundle/);
  });

  test("without peers: esbuild and webpack bundle what does not use them, and what does says so", async () => {
    if (project.missing) assert.fail(project.missing);
    for (const peer of ["ioredis", "light-my-request"])
      rmSync(path.join(project.folder, "node_modules", peer));
    for (const name of ["esbuild, cjs", "webpack"]) {
      const { args, bundle } = BUNDLERS[name] as (typeof BUNDLERS)[string];
      await runIn(project, process.execPath, args);
      await assert.rejects(runAlone(path.join(project.folder, bundle)), /ETC_REDIS_MISSING/);
    }
  });
});

interface AutoProbe {
  readonly status: string;
  readonly lines: readonly string[];
}

/** In a folder of its own, where no package can be found but those that are named. */
async function runAlone(bundle: string, beside: readonly string[] = []): Promise<unknown> {
  const folder = mkdtempSync(path.join(tmpdir(), "express-tenant-cache-alone-"));
  const file = bundle.endsWith("ncc") ? "index.mjs" : path.basename(bundle);
  try {
    cpSync(bundle, bundle.endsWith("ncc") ? folder : path.join(folder, file), { recursive: true });
    writeFileSync(path.join(folder, "package.json"), "{}");
    for (const name of beside) {
      mkdirSync(path.join(folder, "node_modules"), { recursive: true });
      const installed = realpathSync(path.join(project.folder, "node_modules", name));
      symlinkSync(installed, path.join(folder, "node_modules", name), "junction");
    }
    const env = {
      PROBE_REDIS_URL: await sharedRedisUrl(),
      PROBE_KEY_PREFIX: `${randomUUID()}:`,
      PROBE_STALE: "1",
      PROBE_DATABASE_URL: database?.url,
    };
    const alone = { folder, write: () => undefined, remove: () => undefined };
    return JSON.parse(await runIn(alone, process.execPath, [file], env));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
