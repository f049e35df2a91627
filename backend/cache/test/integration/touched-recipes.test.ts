// The page on writes shows the recipes of docs/examples/orm as they are; that for BullMQ runs here, those of ORMs in the package's suite.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, test } from "@jest/globals";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { projectFile } from "../../../project-root.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { openCache } from "../support/caches.js";

describe("docs/use/writes.md", () => {
  const page = readFileSync(projectFile("docs", "use", "writes.md"), "utf8");
  const folder = projectFile("docs", "examples", "orm");
  for (const name of [...readdirSync(folder)])
    test(`shows ${name}`, () => {
      const [, code = ""] = /^\/\/ [^\n]*\n(.*)$/s.exec(readFileSync(path.join(folder, name), "utf8")) ?? [];
      assert.ok(page.includes(`\`\`\`js\n${code.trim()}\n\`\`\``));
    });
});

test("the recipe for BullMQ: a job's hooks need not name its tenant", async () => {
  const recipe = await import(pathToFileURL(projectFile("docs", "examples", "orm", "bullmq.js")).href);
  const cache = await openCache("redis");
  const connection = new Redis(await sharedRedisUrl(), { maxRetriesPerRequest: null });
  const name = `orders-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  let touched: Promise<boolean> | undefined;
  const work = async () => {
    touched = cache.touched("orders");
  };
  const worker = new Worker(name, recipe.touchedByJob(cache, work), { connection });
  const hasRun = once(worker, "completed");
  await queue.add("import", { tenantId: "acme" });
  await hasRun;
  assert.equal(await touched, true);
  await worker.close();
  await queue.obliterate();
  await queue.close();
  connection.disconnect();
  await cache.close();
});
