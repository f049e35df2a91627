// Before a run: the servers that suites share. Those that are named in the environment are used, the others are started.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { dropTemplateDatabase, startPostgresServer, startRedisServer } from "../../backend/servers/index.js";
import { stops } from "./services.js";

export default async function startServices(): Promise<void> {
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
  // What files of one run share: the same code makes it.
  const folder = mkdtempSync(path.join(tmpdir(), "test-run-"));
  stops.push(async () => rmSync(folder, { recursive: true, force: true }));
  process.env.TEST_RUN_FOLDER = folder;
  // Another one for each run: the migrations may have changed.
  process.env.TEST_TEMPLATE_DATABASE = `test_template_${randomBytes(8).toString("hex")}`;
}
