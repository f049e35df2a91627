// Warms the views behind a server that listens already.
import { once } from "node:events";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { TenantCache } from "../../cache/index.js";
import type { ViewCache } from "../views/view-cache.js";
import { ViewWarmer } from "./view-warmer.js";

export interface WarmOnStartOptions {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "ready">;
  readonly views: ViewCache;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Resolves when all is warm, or warming has ended otherwise. Never rejects: a cold cache is slower, not wrong. */
export async function warmOnStart({ pool, cache, views, logger, signal }: WarmOnStartOptions): Promise<void> {
  try {
    const stopped = once(signal, "abort").then(() => false);
    // Loading what nothing can store would only be work for the database.
    if (!(await Promise.race([cache.ready(), stopped]))) return;
    for (const result of await new ViewWarmer(pool, views).warm({ signal })) {
      const { plan, warmed, failed, error } = result;
      if (failed > 0) logger.warn(`warming ${plan}: ${warmed} warm, ${failed} failed (${error})`);
      else logger.debug(`warming ${plan}: ${warmed} warm`);
    }
  } catch (error) {
    logger.warn(`warming: ${String(error)}`);
  }
}
