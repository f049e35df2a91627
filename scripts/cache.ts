// `npm run cache`: the library's command line, against the CRM: its Redis, prefix and address as the configuration has them.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { loadEnvFile } from "node:process";
import { pathToFileURL } from "node:url";
import { projectFile } from "../backend/project-root.js";
import { cacheCommandEnvironment } from "./cache-command/crm-variables.js";

// The environment wins.
if (existsSync(projectFile(".env"))) loadEnvFile(projectFile(".env"));
const [, , ...args] = process.argv;
const environment = cacheCommandEnvironment(args, process.env, (file) => readFileSync(file, "utf8"));
for (const [name, value] of Object.entries(environment)) {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
const manifest = createRequire(import.meta.url).resolve("express-tenant-cache/package.json");
const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as {
  readonly bin: Readonly<Record<string, string>>;
};
await import(pathToFileURL(path.join(path.dirname(manifest), bin["express-tenant-cache"] ?? "")).href);
