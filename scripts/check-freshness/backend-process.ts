// One backend process of a run: `node backend-process.js <BackendConfig as JSON>`, forked by the checker.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { parseCacheOptions } from "../../backend/cache/options/cache-options.js";
import { createTenantCacheOn, openStore } from "../../backend/cache/tenant-cache.js";
import { createBackendApp } from "./backend-app.js";
import {
  type BackendConfig,
  type BackendMessage,
  type DieMessage,
  TENANT_HEADER,
} from "./backend-protocol.js";
import { connectTruth } from "./truth.js";
import { weaken } from "./weakened-store.js";

// Below the number of different requests, so that entries also leave the in-process tier and come back from Redis.
const LOCAL_BYTES = 400_000;

const config = JSON.parse(process.argv[2] ?? "") as BackendConfig;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const options = parseCacheOptions({
  redis: config.redis,
  tenant: (req: { get(name: string): string | undefined }) =>
    config.without === "tenant-key" ? "everybody" : req.get(TENANT_HEADER),
  // Without the fence check, the in-process tier would still make it.
  local: { maxBytes: config.without === "fence-check" ? 0 : LOCAL_BYTES },
  logger: quiet,
  ...(config.budgetMs !== undefined && { budgetMs: config.budgetMs }),
});
const { store, keys } = openStore(options);
const cache = createTenantCacheOn({ store: weaken(store, config.without), keys }, options);

let recoveries = 0;
let isRecovering = false;

/** While invalidations of this process wait to be replayed, and until the checker is told that they have been. */
function deferralEpoch(): number | undefined {
  if (cache.health().connected) return undefined;
  if (!isRecovering) void announceRecovery();
  return recoveries;
}

async function announceRecovery(): Promise<void> {
  isRecovering = true;
  while (!(await cache.ready(60_000)));
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
const app = createBackendApp(config, cache, truth, deferralEpoch);
// Answers at once when the cache is in use, for a checker that waits for the end of a fault.
app.get("/ready", (_req, res) => {
  void cache.ready(60_000).then((isReady) => res.status(isReady ? 200 : 503).end());
});
await cache.ready(60_000);
const server = app.listen(0, "127.0.0.1");
// Connections of clients that pause stay open: none is reset but by a death.
server.keepAliveTimeout = 0;
await once(server, "listening");
send({ type: "listening", port: (server.address() as AddressInfo).port });
