// The packed library's types, for every way to resolve them, from the oldest supported TypeScript to the newest.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { createToolProject, isFull, runIn, type ToolProject } from "./tools.js";

const SOURCE = `import { Redis } from "ioredis";
import inject from "light-my-request";
import { createTenantCache, TenantCacheError, type TenantCacheOptions } from "express-tenant-cache";
import { verifyRoutes, type VerifyOptions } from "express-tenant-cache/testing";
import { storeContract, type StoreCase } from "express-tenant-cache/testing/store";

const options: TenantCacheOptions = { redis: new Redis({ lazyConnect: true }), tenant: (req) => req.get("x-tenant"), inject };
export const cache = createTenantCache(options);
export const code = (error: unknown): string | undefined => error instanceof TenantCacheError ? error.code : undefined;
export const verify = (given: VerifyOptions) => verifyRoutes(given);
export const cases: readonly StoreCase[] = storeContract({ open: () => { throw new Error(); } });
// @ts-expect-error no option of it, which types that were not found would allow
createTenantCache({ tenant: () => undefined, unknown: 1 });
`;
const RESOLUTIONS = {
  node10: ["--module", "commonjs", "--moduleResolution", "node10"],
  "node16, CommonJS": ["--module", "node16", "--moduleResolution", "node16"],
  "node16, ESM": ["--module", "node16", "--moduleResolution", "node16"],
  bundler: ["--module", "esnext", "--moduleResolution", "bundler"],
} as const;
const COMPILERS = {
  "TypeScript 5.2": "node_modules/typescript-5.2/bin/tsc",
  ...(isFull && {
    "TypeScript 5.9": "node_modules/typescript/bin/tsc",
    "TypeScript 6": "node_modules/typescript-6/bin/tsc",
  }),
  "TypeScript 7": projectFile("node_modules", "typescript", "bin", "tsc"),
};
/** The oldest compiler on the oldest ways, the newest on those that are usual now. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  "TypeScript 5.2": ["node10", "node16, ESM"],
  "TypeScript 7": ["node16, CommonJS", "bundler"],
};
const cases = Object.keys(COMPILERS).flatMap((compiler) =>
  (Object.keys(RESOLUTIONS) as (keyof typeof RESOLUTIONS)[])
    // Gone from TypeScript 7.
    .filter((resolution) => !(compiler === "TypeScript 7" && resolution === "node10"))
    .filter((resolution) => isFull || USUAL[compiler]?.includes(resolution))
    .map((resolution) => [compiler as keyof typeof COMPILERS, resolution] as const),
);

describe("types", () => {
  let project: ToolProject;
  beforeAll(async () => {
    project = await createToolProject("commonjs");
    project.write("main.ts", SOURCE);
    project.write("main.mts", SOURCE);
  });
  afterAll(() => project.remove());

  test.each(cases)("%s, %s", async (compiler, resolution) => {
    if (project.missing) assert.fail(project.missing);
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "false",
      "--target",
      "es2021",
      "--types",
      "node",
    ];
    const deprecated = compiler === "TypeScript 6" ? ["--ignoreDeprecations", "6.0"] : [];
    const file = resolution === "node16, ESM" ? "main.mts" : "main.ts";
    await runIn(project, process.execPath, [
      ...[COMPILERS[compiler] ?? "", ...flags, "--esModuleInterop", ...deprecated],
      ...[...RESOLUTIONS[resolution], file],
    ]);
  });
});
