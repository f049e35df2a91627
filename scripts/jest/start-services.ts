// Before a run: the servers that suites share. Those that are named in the environment are used, the others are started.
import { randomBytes } from "node:crypto";
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
  // Another one for each run: the migrations may have changed.
  process.env.TEST_TEMPLATE_DATABASE = `test_template_${randomBytes(8).toString("hex")}`;
}
