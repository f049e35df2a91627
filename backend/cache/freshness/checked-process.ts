// One backend process of a run: `node checked-process.js <BackendConfig as JSON>`, forked by the checker.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { partFenceKeys } from "../src/engine/fences.js";
import { parseCacheOptions } from "../src/options/cache-options.js";
import { KeySpace } from "../src/store/key-space.js";
import { connect } from "../src/store/redis/connect.js";
import { RedisStore } from "../src/store/redis/redis-store.js";
import { createTenantCacheOn } from "../src/tenant-cache.js";
import { createBackendApp, type ReleasedWrite } from "./checked-app.js";
import { nodeRedisOf } from "./checked-client.js";
import {
  type BackendConfig,
  type BackendMessage,
  type DieMessage,
  RECORDS_PATH,
  type Records,
  type StoreConnection,
  TENANT_HEADER,
  type WriteRecord,
} from "./checked-protocol.js";
import { machineNowMs } from "./clock.js";
import { FailoverNews } from "./failover-news.js";
import { StoreRecorder } from "./recorded-store.js";
import { connectTruth } from "./truth.js";
import { overheard, weaken } from "./weakened-store.js";

// Below the number of different requests, so that entries also leave the in-process tier and come back from
// Redis.
const LOCAL_BYTES = 400_000;

const config = JSON.parse(process.argv[2] ?? "") as BackendConfig;
const say = (line: string) => send({ type: "log", atMs: machineNowMs(), line });

const redis = config.client === "node-redis" ? nodeRedisOf(config.redis) : config.redis;
const options = parseCacheOptions({
  redis,
  tenant: (req: { get(name: string): string | undefined }) =>
    config.without === "tenant-key" ? "everybody" : req.get(TENANT_HEADER),
  // Without the check of fences, the in-process tier would still make it.
  local: { maxBytes: /^(?:fence-check|answer-tags)$/.test(config.without ?? "") ? 0 : LOCAL_BYTES },
  freshness: config.leased ? "leased" : "strict",
  logger: { info: say, warn: say, error: say },
  ...(config.budgetMs !== undefined && { budgetMs: config.budgetMs }),
});
const connection = connect(redis);
const keys = new KeySpace(options.keyPrefix, false);
const news = new FailoverNews();
await news.listen(config.redis);
let reachedAtMs = 0;
const heardFromRedis = () => {
  reachedAtMs = machineNowMs();
};
const recorder = new StoreRecorder(
  weaken(overheard(new RedisStore(connection, keys), heardFromRedis), keys, config.without),
  () => serverPort(connection.client.stream?.remotePort),
  (port) => news.toldAtMs(port),
);
const cache = createTenantCacheOn({ store: recorder.store, keys }, options);

let recoveries = 0;
let isRecovering = false;

const connections: StoreConnection[] = [];
connection.client.on("ready", () => {
  const port = serverPort(connection.client.stream?.remotePort);
  say(`connected to :${port}`);
  if (port !== undefined) connections.push({ port, fromMs: machineNowMs() });
  // Leases are renewed by themselves.
  connection.client.stream?.on("data", heardFromRedis);
});
connection.client.on("close", () => {
  say("connection closed");
  const last = connections.at(-1);
  if (last) last.toMs ??= machineNowMs();
  void announceRecovery();
});

function serverPort(port: number | undefined): number | undefined {
  return port === undefined ? undefined : (config.proxies[port] ?? port);
}

function recordOf({ tenant, modules, tags, beganAtMs: sinceMs, committedAtMs }: ReleasedWrite): WriteRecord {
  const isAway = !cache.health().connected;
  if (isAway) void announceRecovery();
  const isDeferred =
    isAway && !recorder.hasConfirmed(partFenceKeys(keys, { tenant, modules, tags }), committedAtMs);
  return { epoch: recoveries, isDeferred, changes: recorder.changesOf(tenant, sinceMs) };
}

/**
 * Once the store is in use, and nothing waits: checked in the same step, because it may be lost again while
 * this is told.
 */
async function announceRecovery(): Promise<void> {
  if (isRecovering) return;
  isRecovering = true;
  while (!(await cache.ready(60_000)) || !cache.health().connected);
  isRecovering = false;
  recoveries++;
  send({ type: "recovered", epoch: recoveries });
}

function send(message: BackendMessage): void {
  process.send?.(message);
}

process.on("message", (message: DieMessage) => {
  if (message.type === "die") void cache.ready(60_000).then(() => process.kill(process.pid, "SIGKILL"));
});
// The checker has gone.
process.on("disconnect", () => process.exit(1));

const truth = await connectTruth(config.truthPort);
const app = createBackendApp(config, cache, truth, { recordOf, reachedAtMs: () => reachedAtMs });
// Answers at once when the cache is in use, for a checker that waits for the end of a fault.
app.get("/ready", (_req, res) => {
  void cache.ready(60_000).then((isReady) => res.status(isReady ? 200 : 503).end());
});
app.get(RECORDS_PATH, (req, res) => {
  const told: Records = {
    events: recorder.eventsOf(String(req.query.tenant), Number(req.query.since)),
    connections: connections.map((connection) => {
      const toldAtMs = news.toldAtMs(connection.port);
      return { ...connection, ...(toldAtMs !== undefined && { toldAtMs }) };
    }),
  };
  res.json(told);
});
await cache.ready(60_000);
const server = app.listen(0, "127.0.0.1");
// Connections of clients that pause stay open: none is reset but by a death.
server.keepAliveTimeout = 0;
await once(server, "listening");
send({ type: "listening", port: (server.address() as AddressInfo).port });
