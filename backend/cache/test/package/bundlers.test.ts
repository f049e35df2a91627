// The packed library in bundles that run alone, with Redis and staleWhileRevalidate: what it needs is in them.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
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
/** Of an ESM bundle, for Express, which is CommonJS. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;
const ESBUILD = `const [entry, outfile, format] = process.argv.slice(2);
const banner = format === "esm" ? { js: ${JSON.stringify(REQUIRE)} } : {};
require("esbuild").buildSync({
  entryPoints: [entry], outfile, format, banner, bundle: true, platform: "node", logLevel: "error",
});
`;
const TSUP = `import { build } from "tsup";
await build({
  entry: ["entry.mjs"], format: ["cjs"], outDir: "tsup", noExternal: [/.*/], silent: true, config: false,
});
`;
const WEBPACK = `const [entry, filename] = process.argv.slice(2);
require("webpack")({
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
const [entry, file, format, peers] = process.argv.slice(2);
const bundle = await rollup({
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
  "rollup, peers given": { args: ["rollup.mjs", "giving.mjs", "rollup.cjs", "cjs"], bundle: "rollup.cjs" },
  ...(isFull && {
    "esbuild, cjs, required": {
      args: ["esbuild.cjs", "required.cjs", "required-out.cjs", "cjs"],
      bundle: "required-out.cjs",
    },
    "rollup, told to follow": {
      args: ["rollup.mjs", "entry.mjs", "follow.mjs", "es", "follow"],
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
beforeAll(async () => {
  project = await createToolProject("module");
  const probe = fileURLToPath(new URL("./probe.js", import.meta.url));
  project.write("probe.mjs", readFileSync(probe, "utf8"));
  project.write("entry.mjs", ENTRY);
  project.write("giving.mjs", GIVING);
  project.write("required.cjs", REQUIRING);
  project.write("esbuild.cjs", ESBUILD);
  project.write("tsup.mjs", TSUP);
  project.write("webpack.cjs", WEBPACK);
  project.write("rollup.mjs", ROLLUP);
});
afterAll(() => project.remove());

describe("bundled", () => {
  test.each(Object.keys(BUNDLERS))("%s: the bundle runs alone", async (name) => {
    if (project.missing) assert.fail(project.missing);
    const { args, bundle } = BUNDLERS[name] as (typeof BUNDLERS)[string];
    await runIn(project, process.execPath, args);
    assert.deepEqual(await runAlone(path.join(project.folder, bundle)), EXPECTED_WITH_STALE);
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

/** In a folder of its own, where no package can be found. */
async function runAlone(bundle: string): Promise<unknown> {
  const folder = mkdtempSync(path.join(tmpdir(), "express-tenant-cache-alone-"));
  const file = bundle.endsWith("ncc") ? "index.mjs" : path.basename(bundle);
  try {
    cpSync(bundle, bundle.endsWith("ncc") ? folder : path.join(folder, file), { recursive: true });
    writeFileSync(path.join(folder, "package.json"), "{}");
    const env = {
      PROBE_REDIS_URL: await sharedRedisUrl(),
      PROBE_KEY_PREFIX: `${randomUUID()}:`,
      PROBE_STALE: "1",
    };
    const alone = { folder, write: () => undefined, remove: () => undefined };
    return JSON.parse(await runIn(alone, process.execPath, [file], env));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
