// A user's TypeScript, compiled as strictly as it gets, the library's own declarations included.
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { projectFile } from "../../../project-root.js";
import type { NpmProject } from "./npm.js";
import { readmeFile } from "./readme-blocks.js";

const run = promisify(execFile);

/** Compilers: the project's own, and the repository's. */
export const COMPILERS = {
  "TypeScript 5.9": (project: NpmProject) => path.join(project.folder, "node_modules", "typescript"),
  "TypeScript 7": () => projectFile("node_modules", "typescript"),
};

const OPTIONS = `import type { CacheListOptions, TenantCacheOptions } from "express-tenant-cache";

const tenant: TenantCacheOptions["tenant"] = (req) => req.get("x-tenant");
export const inProcess: TenantCacheOptions = { tenant };
export const byUrl: TenantCacheOptions = { tenant, redis: "redis://127.0.0.1" };
export const byAddress: TenantCacheOptions = { tenant, redis: { host: "127.0.0.1", port: 6379 } };
export const byNodes: TenantCacheOptions = { tenant, redis: { cluster: [{ host: "127.0.0.1", port: 6379 }] } };
// @ts-expect-error a misspelt option
export const misspelt: CacheListOptions = { ttl: 60 };
// @ts-expect-error no address
export const noAddress: TenantCacheOptions = { tenant, redis: 6379 };
`;
const IOREDIS_OPTIONS = `import { Cluster, Redis } from "ioredis";
import type { TenantCacheOptions } from "express-tenant-cache";

const tenant: TenantCacheOptions["tenant"] = (req) => req.get("x-tenant");
const sentinels = [{ host: "127.0.0.1", port: 26379 }];
export const bySentinel: TenantCacheOptions = { tenant, redis: { sentinels, name: "master", db: 1 } };
export const byClient: TenantCacheOptions = { tenant, redis: new Redis({ lazyConnect: true }) };
export const byCluster: TenantCacheOptions = { tenant, redis: new Cluster([], { lazyConnect: true }) };
// @ts-expect-error ioredis takes a number
export const wrong: TenantCacheOptions = { tenant, redis: { host: "127.0.0.1", port: "6379" } };
`;
const STORE = `import { fences, MemoryStore, type Store } from "express-tenant-cache";
import { type StoreCase, type StorePart, storeContract } from "express-tenant-cache/testing/store";

const without: StorePart[] = ["sweep"];
const leaner: Store = Object.assign(new MemoryStore({ maxBytes: 1e6, maxTenantBytes: 1e6 }), { sweep: undefined });
export const cases: readonly StoreCase[] = storeContract({ open: (keys) => (keys.prefix === "" ? leaner : leaner), without });
export const fence: string = fences.isPending(fences.PENDING_MARK) ? fences.newFence(Date.now()) : "";
// @ts-expect-error no part of a store
storeContract({ open: () => leaner, without: ["locks"] });
`;
const COMMONJS = `import library = require("express-tenant-cache");
export const cache: library.TenantCache = library.createTenantCache({ tenant: () => undefined });
`;

/** Writes the sources. */
export function writeTypedConsumer(project: NpmProject, withIoRedis: boolean): void {
  project.write("accounts.ts", readmeFile("accounts.ts"));
  project.write("routes.test.ts", readmeFile("routes.test.ts"));
  project.write("options.ts", OPTIONS);
  project.write("store.ts", STORE);
  if (withIoRedis) project.write("ioredis-options.ts", IOREDIS_OPTIONS);
  project.write("commonjs.cts", COMMONJS);
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    lib: ["es2022"],
    types: ["node"],
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    esModuleInterop: true,
    skipLibCheck: false,
  };
  project.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.ts", "*.cts"] }));
}

/** @returns what the compiler says; nothing where it is content */
export async function compile(project: NpmProject, compilerFolder: string): Promise<string> {
  const compiler = path.join(compilerFolder, "bin", "tsc");
  return run(process.execPath, [compiler, "--project", project.folder]).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout || String(error),
  );
}
