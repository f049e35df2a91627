// `npm run measure:outage`: 300 requests a second while Redis is hung, killed and restarted: how many fail, and what the rest cost.
import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import Table from "cli-table3";
import express from "express";
import { createTenantCache } from "../backend/cache/index.js";
import { startRedisServer } from "../backend/test/services/index.js";

const REQUESTS_PER_SECOND = 300;
const PHASE_SECONDS = 10;
const HANDLER_MS = 5;
const BUDGET_MS = 50;
const TIMEOUT_MS = 2000;
const WRITES_EVERY = 50;

if (process.env.OUTAGE_REDIS_URL) await serve(process.env.OUTAGE_REDIS_URL);
else await measure();

/** The subject, in a process of its own so that the load generator does not delay it. */
async function serve(redis: string): Promise<void> {
  const cache = createTenantCache({ redis, tenant: () => "tenant", budgetMs: BUDGET_MS });
  const app = express();
  app.get("/list", cache.cacheList("accounts", 180), async (_req, res) => {
    await delay(HANDLER_MS);
    res.json({ rows: [] });
  });
  app.post("/list", cache.invalidateCache("accounts"), async (_req, res) => {
    await delay(HANDLER_MS);
    res.status(201).json({});
  });
  await cache.ready();
  const server = app.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.(typeof address === "object" ? address?.port : 0);
  });
  process.once("disconnect", () => process.exit());
}

async function measure(): Promise<void> {
  const redis = await startRedisServer();
  const server = fork(import.meta.filename, { env: { ...process.env, OUTAGE_REDIS_URL: redis.url } });
  const [port] = (await once(server, "message")) as [number];
  const table = new Table({
    head: [
      "Redis",
      "requests",
      "failed",
      "p50 ms",
      "p99 ms",
      "max ms",
      `over ${HANDLER_MS} + ${BUDGET_MS} ms`,
    ],
  });
  const phases: [name: string, begin: () => Promise<void>][] = [
    ["warm-up", async () => undefined],
    ["running", async () => undefined],
    ["hung (SIGSTOP)", () => redis.pause()],
    ["running again", () => redis.resume()],
    ["killed (SIGKILL)", () => redis.kill()],
    ["restarted", () => redis.restart()],
  ];
  for (const [name, begin] of phases) {
    const durations = await load(port, begin);
    const answered = durations.filter((duration) => duration !== undefined).sort((a, b) => a - b);
    const quantile = (of: number) =>
      (answered[Math.min(answered.length - 1, Math.floor(of * answered.length))] ?? 0).toFixed(1);
    const slow = answered.filter((duration) => duration > HANDLER_MS + BUDGET_MS).length;
    table.push([
      name,
      durations.length,
      durations.length - answered.length,
      quantile(0.5),
      quantile(0.99),
      quantile(1),
      slow,
    ]);
  }
  console.log(table.toString());
  server.disconnect();
  await redis.stop();
}

/** Open loop: requests are sent on time, whether earlier ones have been answered or not. The fault begins a second in. */
async function load(port: number, begin: () => Promise<void>): Promise<(number | undefined)[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 500 });
  const pending: Promise<number | undefined>[] = [];
  const startedAtMs = performance.now();
  let hasBegun = false;
  while (pending.length < REQUESTS_PER_SECOND * PHASE_SECONDS) {
    const due = ((performance.now() - startedAtMs) / 1000) * REQUESTS_PER_SECOND;
    if (!hasBegun && due > REQUESTS_PER_SECOND) {
      hasBegun = true;
      await begin();
    }
    while (pending.length < due) {
      const method = pending.length % WRITES_EVERY === 0 ? "POST" : "GET";
      pending.push(send(port, agent, method));
    }
    await delay(2);
  }
  const durations = await Promise.all(pending);
  agent.destroy();
  return durations;
}

function send(port: number, agent: Agent, method: string): Promise<number | undefined> {
  const startedAtMs = performance.now();
  return new Promise((resolve) => {
    const sent = request(
      { port, agent, method, path: "/list", host: "127.0.0.1", timeout: TIMEOUT_MS },
      (response) => {
        response.resume();
        response.once("end", () => {
          const isAnswered = response.statusCode === 200 || response.statusCode === 201;
          resolve(isAnswered ? performance.now() - startedAtMs : undefined);
        });
      },
    );
    sent.once("timeout", () => sent.destroy());
    sent.once("error", () => resolve(undefined));
    sent.end();
  });
}
