// Warms the views behind a server that listens already.
// Tests: test/faults/warming.test.ts
import { once } from "node:events";
import type { CacheWarmer, TenantCache } from "express-tenant-cache";
import type { Logger } from "pino";
import { warmReport } from "./warm-report.js";

export interface WarmOnStartOptions {
  readonly cache: Pick<TenantCache, "ready">;
  readonly warmer: CacheWarmer;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const WAIT_MS = 600_000;

/** Waits for the store, as long as it takes. Resolves when all is warm, or warming has ended otherwise. Never rejects: a cold cache is slower, not wrong. */
export async function warmOnStart({ cache, warmer, logger, signal }: WarmOnStartOptions): Promise<void> {
  const stopped = once(signal, "abort").then(() => "stopped" as const);
  let isReady: boolean | "stopped" = await Promise.race([cache.ready(), stopped]);
  if (isReady === false) logger.warn("warming: the cache's store is away; it begins when that is in use");
  while (isReady === false) isReady = await Promise.race([cache.ready(WAIT_MS), stopped]);
  if (isReady === "stopped") return;
  for (const result of await warmer.warmAll({ signal })) {
    const { plan, warmed, failed, error } = warmReport(result);
    if (signal.aborted) return;
    if (error === null) logger.debug(`warming ${plan}: ${warmed} warm`);
    else logger.warn(`warming ${plan}: ${warmed} warm, ${failed} failed (${error})`);
  }
}
