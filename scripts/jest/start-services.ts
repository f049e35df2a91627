// Before a run: the servers that suites share. Those that are named in the environment are used, the others are started.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { guardFolder } from "../../backend/servers/guard.js";
import { dropTemplateDatabase, startPostgresServer, startRedisServer } from "../../backend/servers/index.js";
import { memoryFolder } from "../../backend/servers/memory-folder.js";
import { stops } from "./services.js";

export default async function startServices(): Promise<void> {
  makeFolders();
  if (!process.env.TEST_REDIS_URL) {
    const redis = await startRedisServer();
    stops.push(() => redis.stop());
    process.env.TEST_REDIS_URL = redis.url;
  }
  if (!process.env.TEST_DATABASE_URL) {
    const postgres = await startPostgresServer();
    stops.push(() => postgres.stop());
    process.env.TEST_DATABASE_URL = postgres.url;
  } else stops.push(dropTemplateDatabase);
  // Another one for each run: the migrations may have changed.
  process.env.TEST_TEMPLATE_DATABASE = `test_template_${randomBytes(8).toString("hex")}`;
}

function makeFolders(): void {
  const folder = mkdtempSync(path.join(memoryFolder() ?? tmpdir(), "test-run-"));
  const release = guardFolder(folder);
  stops.push(async () => {
    rmSync(folder, { recursive: true, force: true });
    release();
  });
  // What files of one run share: the same code makes it.
  process.env.TEST_RUN_FOLDER = path.join(folder, "shared");
  mkdirSync(process.env.TEST_RUN_FOLDER);
  // For everybody, as the one of the system is: as root PostgreSQL runs as somebody else.
  process.env.TMPDIR = path.join(folder, "tmp");
  mkdirSync(process.env.TMPDIR);
  for (const [each, mode] of [
    [folder, 0o755],
    [process.env.TMPDIR, 0o1777],
  ] as const)
    chmodSync(each, mode);
}
