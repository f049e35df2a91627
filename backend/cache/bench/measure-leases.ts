// `npm run measure:leases`: what leased freshness costs and saves: hits beside strict ones, near and far from Redis, and what writes wait.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import express from "express";
import { Redis } from "ioredis";
import { startRedisServer, startTcpProxy } from "../../servers/index.js";
import { createTenantCache } from "../src/index.js";
import { median } from "./statistics.js";

const PROGRAM = fileURLToPath(import.meta.url);
const TENANT = "tenant-1";
const BODY = JSON.stringify({ rows: "x".repeat(20_000) });
const PATHS = ["/leased", "/50", "/strict"] as const;
const ROUNDS = 15;
const HITS = 1500;
const CONNECTIONS = 32;
const BLOCKS = 20;
const HITS_OF_BLOCK = 20;
const WRITES = 60;
const READ_EVERY_MS = 25;

interface App {
  readonly child: ChildProcess;
  readonly port: number;
  /** What the process answers to a question. */
  ask(question: "cpu" | "write" | "ping"): Promise<number>;
}

const [, , redisUrl, readers] = process.argv;
if (redisUrl === undefined) await measure();
else if (readers === undefined) await serve(redisUrl);
else await serveFloor(redisUrl, Number(readers));

async function measure(): Promise<void> {
  const redis = await startRedisServer();
  const admin = new Redis(redis.url);
  await hits(redis.url, admin);
  for (const ms of [0, 1, 5]) await distance(redis.port, ms);
  for (const processes of [1, 4, 16]) await writes(redis.url, processes);
  admin.disconnect();
  await redis.stop();
}

async function hits(url: string, admin: Redis): Promise<void> {
  const app = await start(url);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const cpu = new Map(PATHS.map((path) => [path, [] as number[]]));
  for (const path of PATHS) await crowd(agent, app.port, path, HITS);
  let asked = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const path of PATHS) {
      const [before, readsBefore] = [await app.ask("cpu"), await readsOf(admin)];
      await crowd(agent, app.port, path, HITS);
      cpu.get(path)?.push(((await app.ask("cpu")) - before) / HITS);
      if (path === "/leased") asked += (await readsOf(admin)) - readsBefore;
    }
  }
  agent.destroy();
  stop(app);
  const text = PATHS.map((path) => `${path} ${median(cpu.get(path) ?? []).toFixed(1)}`).join(", ");
  const ratios = (cpu.get("/50") ?? []).map(
    (each, round) => each / (cpu.get("/leased")?.[round] ?? Number.NaN),
  );
  console.log(
    `CPU of a hit, µs, ${CONNECTIONS} connections: ${text}; leased at ${median(ratios).toFixed(2)} of maxStaleness: 50`,
  );
  console.log(`MGETs for each leased hit: ${(asked / (ROUNDS * HITS)).toFixed(4)}`);
}

async function distance(port: number, ms: number): Promise<void> {
  const proxy = await startTcpProxy(port, { delayMs: () => ms / 2 });
  const app = await start(`redis://127.0.0.1:${ms === 0 ? port : proxy.port}`);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const took = new Map(PATHS.map((path) => [path, [] as number[]]));
  for (const path of PATHS) await crowd(agent, app.port, path, 100);
  // In blocks: a hit behind one that has waited for Redis finds a machine that has gone to sleep meanwhile.
  for (let block = 0; block < BLOCKS; block++) {
    for (const path of PATHS) {
      await request(agent, app.port, path);
      for (let n = 0; n < HITS_OF_BLOCK; n++) {
        const begunMs = performance.now();
        await request(agent, app.port, path);
        took.get(path)?.push(performance.now() - begunMs);
      }
    }
  }
  agent.destroy();
  stop(app);
  await proxy.close();
  const text = PATHS.map((path) => `${path} ${median(took.get(path) ?? []).toFixed(2)}`).join(", ");
  console.log(`p50 of a hit, ms, Redis ${ms} ms away: ${text}`);
}

async function writes(url: string, processes: number): Promise<void> {
  const apps = await Promise.all(Array.from({ length: processes }, () => start(url)));
  const floors = await Promise.all(
    Array.from({ length: processes }, () => start(url, String(processes - 1))),
  );
  const agent = new Agent({ keepAlive: true });
  // Each answers so often that it holds its lease.
  const reading = setInterval(() => {
    for (const { child, port } of apps)
      if (!child.killed) request(agent, port, "/leased").catch(() => undefined);
  }, READ_EVERY_MS);
  await delay(1000);
  const [writer, victim, floor] = [apps[0], apps.at(-1), floors[0]];
  if (!writer || !victim || !floor) return;
  const [took, pings, least] = [[] as number[], [] as number[], [] as number[]];
  for (let n = 0; n < WRITES; n++) {
    await delay(20);
    pings.push(await writer.ask("ping"));
    took.push(await writer.ask("write"));
    await delay(20);
    least.push(await floor.ask("write"));
  }
  floors.forEach(stop);
  console.log(
    `invalidation with ${processes} leased processes, ms: p50 ${median(took).toFixed(2)}; a round trip p50 ${median(pings).toFixed(2)}; ratio ${(median(took) / median(pings)).toFixed(1)}; p50 of as many processes that only hear a message and answer it ${median(least).toFixed(2)}; ratio ${(median(took) / median(least)).toFixed(2)}`,
  );
  if (victim !== writer) {
    const stopped: number[] = [];
    for (let n = 0; n < 5; n++) {
      victim.child.kill("SIGSTOP");
      stopped.push(await writer.ask("write"));
      victim.child.kill("SIGCONT");
      await delay(300);
    }
    console.log(
      `  while one of them is stopped: p50 ${median(stopped).toFixed(0)}, most ${Math.max(...stopped).toFixed(0)}`,
    );
  }
  clearInterval(reading);
  agent.destroy();
  apps.forEach(stop);
}

async function crowd(agent: Agent, port: number, path: string, requests: number): Promise<void> {
  let left = requests;
  const one = async () => {
    while (left-- > 0) await request(agent, port, path);
  };
  await Promise.all(Array.from({ length: agent.maxSockets === 1 ? 1 : CONNECTIONS }, one));
}

function request(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ agent, host: "127.0.0.1", port, path }, (response) => {
      response.resume();
      response.on("end", resolve);
    }).on("error", reject);
  });
}

async function readsOf(admin: Redis): Promise<number> {
  return Number(/^cmdstat_mget:calls=(\d+)/m.exec(await admin.info("commandstats"))?.[1] ?? 0);
}

async function start(...args: readonly string[]): Promise<App> {
  const child = fork(PROGRAM, args);
  const [port] = (await once(child, "message")) as [number];
  const ask: App["ask"] = async (question) => {
    child.send(question);
    const [answer] = (await once(child, "message")) as [number];
    return answer;
  };
  return { child, port, ask };
}

function stop({ child }: App): void {
  child.kill("SIGKILL");
}

/** A process with the same list under each freshness. */
async function serve(redis: string): Promise<void> {
  const cache = createTenantCache({ redis, tenant: () => TENANT, compress: false });
  const client = new Redis(redis);
  const app = express().disable("x-powered-by");
  const options = { "/leased": { freshness: "leased" }, "/50": { maxStaleness: 50 }, "/strict": {} } as const;
  for (const path of PATHS)
    app.get(
      path,
      cache.cacheList("accounts", options[path]),
      (_req, res) => void res.type("json").send(BODY),
    );
  await cache.ready(10_000);
  const timed = async (work: () => Promise<unknown>) => {
    const begunMs = performance.now();
    await work();
    return performance.now() - begunMs;
  };
  process.on("disconnect", () => process.exit());
  process.on("message", async (question) => {
    if (question === "cpu") {
      const { user, system } = process.cpuUsage();
      process.send?.(user + system);
    } else if (question === "ping") process.send?.(await timed(() => client.ping()));
    else process.send?.(await timed(() => cache.invalidateTenantCache(TENANT, "contacts")));
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.((server.address() as AddressInfo).port);
}

/** What writes cannot go below where cores are few: processes with nothing but the client, which hear a message and answer it. */
async function serveFloor(redis: string, readers: number): Promise<void> {
  const [listening, client] = [new Redis(redis), new Redis(redis)];
  const own = `floor:${process.pid}`;
  let left = 0;
  let release: () => void = () => undefined;
  listening.on("message", (channel: string, writer: string) => {
    if (channel !== own) {
      if (writer !== own) void client.publish(writer, "");
    } else if (--left === 0) release();
  });
  await listening.subscribe("floor", own);
  process.on("disconnect", () => process.exit());
  process.on("message", async () => {
    const begunMs = performance.now();
    left = readers;
    const answered = new Promise<void>((resolve) => {
      release = resolve;
    });
    await client.publish("floor", own);
    if (readers > 0) await answered;
    process.send?.(performance.now() - begunMs);
  });
  process.send?.(0);
}
