// Test runners, bundlers and compilers as users have them: installed once in one folder, which the projects of the suites link to.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { projectFile } from "../../../project-root.js";
import { createNpmProject, install, type NpmProject, packLibrary } from "./npm.js";

const run = promisify(execFile);

/** The whole matrix instead of one of each kind: every transform in both majors of Jest, Bun, Deno, every Node. */
export const isFull = process.env.TEST_PACKAGE === "full";

/** For runners within a test, whose own five seconds are for a machine that does nothing else: less than Jest gives the test. */
export const INNER_TIMEOUT_MS = 240_000;

const TOOLS = [
  ...["express@5", "@types/express@5", "@types/node@20", "ioredis@6", "redis@6", "light-my-request@6.6"],
  ...["lru-cache@11", "zod@4", "cluster-key-slot@1"],
  ...["pg@8", "libpg-query@18"],
  ...["jest@30", "jest-29@npm:jest@29", "@swc/jest", "@swc/core", "vitest@4", "supertest@7", "mongoose@9"],
  ...["babel-jest@30", "@babel/core@7", "@babel/preset-env@7", "@babel/preset-typescript@7"],
  ...["esbuild@0.28", "webpack@5", "rollup@4"],
  ...["@rollup/plugin-commonjs@29", "@rollup/plugin-node-resolve@16", "@rollup/plugin-json@6"],
  ...["typescript@5.9", "typescript-5.2@npm:typescript@5.2"],
  ...(isFull
    ? [
        "ts-jest@29",
        "mocha@12",
        "@vercel/ncc@0.45",
        "tsup@8",
        "typescript-6@npm:typescript@6",
        "bun@1",
        "deno@2",
      ]
    : []),
];

/** A project with the library, unpacked, and all tools. */
export interface ToolProject extends NpmProject {
  /** Why the tools are not there, where npm's registry cannot be reached. */
  readonly missing: string | undefined;
}

/** @param type of its package.json */
export async function createToolProject(type: "commonjs" | "module"): Promise<ToolProject> {
  const project = createNpmProject();
  const { file } = await packLibrary(project.folder);
  const library = path.join(project.folder, "node_modules", "express-tenant-cache");
  mkdirSync(library, { recursive: true });
  await run("tar", ["-xzf", file, "-C", library, "--strip-components=1"]);
  project.write("package.json", JSON.stringify({ private: true, type }));
  return { ...project, missing: await linkTools(project) };
}

/**
 * Has the project find all tools that it does not have itself.
 *
 * @param wanted must be among them, as `npm install` takes them
 * @returns why they are not there, where npm's registry cannot be reached
 */
export async function linkTools(
  { folder }: NpmProject,
  wanted: readonly string[] = [],
): Promise<string | undefined> {
  const { folder: tools, missing } = await findTools();
  if (missing !== undefined) return missing;
  const modules = path.join(folder, "node_modules");
  const has = new Set(readdirSync(modules));
  const names = readdirSync(tools);
  for (const name of names)
    if (name !== ".package-lock.json" && !has.has(name))
      symlinkSync(path.join(tools, name), path.join(modules, name), "junction");
  for (const name of wanted.filter((each) => !each.startsWith("-")))
    if (!existsSync(path.join(modules, name))) throw new Error(`${name} is none of the tools`);
  return undefined;
}

/** Kept until the next `npm ci`: they take longer to install than to run. */
async function findTools(): Promise<{ readonly folder: string; readonly missing?: string }> {
  const name = createHash("sha256").update(TOOLS.join()).digest("hex").slice(0, 16);
  const kept = projectFile("node_modules", ".cache", "package-tools", name);
  const folder = path.join(kept, "node_modules");
  if (existsSync(folder)) return { folder };
  const project = createNpmProject();
  const missing = await install(project.folder, ...TOOLS);
  if (missing !== undefined) return { folder, missing };
  mkdirSync(path.dirname(kept), { recursive: true });
  try {
    // Renamed last, from a folder beside it: an interrupted install is not taken for the tools.
    await run("cp", ["-a", project.folder, `${kept}.${process.pid}`]);
    renameSync(`${kept}.${process.pid}`, kept);
  } catch (error) {
    // Another suite was faster.
    if (!existsSync(folder)) throw error;
  } finally {
    project.remove();
  }
  return { folder };
}

/** Runs a program of Node in the project. */
export async function runIn(
  { folder }: NpmProject,
  node: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  // Jest's own variables would make the runners believe that they are its workers.
  const { JEST_WORKER_ID: _id, NODE_OPTIONS: _options, NODE_ENV: _env, ...inherited } = process.env;
  const options = { cwd: folder, env: { ...inherited, ...env }, maxBuffer: 64 * 2 ** 20 };
  try {
    const { stdout } = await run(node, args, options);
    return stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${args.join(" ")}\n${stdout}\n${stderr}`, { cause: error });
  }
}
