// Background refresh: runs a request through the app again, off the socket, so that a stale entry is replaced behind a response.
import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingHttpHeaders } from "node:http";
import { createRequire } from "node:module";
import type { Application, Request } from "express";
import { TenantCacheError } from "../errors.js";
import type { Logger } from "../logger.js";

type Inject = (
  dispatch: (req: never, res: never) => void,
  options: { method: "GET"; url: string; headers: IncomingHttpHeaders; remoteAddress?: string },
) => Promise<unknown>;

/** Set while a refresh runs: not something that a request from outside could claim. */
const refreshing = new AsyncLocalStorage<true>();

/** Whether this request is a background refresh: it fills, and nobody reads its answer. */
export function isRefresh(): boolean {
  return refreshing.getStore() === true;
}

// They would make the answer partial, or empty, or concern the connection of the request that found the entry stale.
const NOT_REPEATED = [
  "if-none-match",
  "if-modified-since",
  "range",
  "connection",
  "keep-alive",
  "cache-control",
  "pragma",
];

export class Refresher {
  readonly #inject: Inject;
  readonly #logger: Logger;
  readonly #underWay = new Map<string, Promise<void>>();
  #hasFailed = false;

  /** @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where the package is not installed */
  constructor(logger: Logger) {
    this.#logger = logger;
    try {
      this.#inject = createRequire(import.meta.url)("light-my-request") as Inject;
    } catch (cause) {
      const advice = "staleWhileRevalidate refreshes through light-my-request: npm install light-my-request";
      throw new TenantCacheError("ETC_LIGHT_MY_REQUEST", advice, { cause });
    }
  }

  /** Starts a refresh unless one of the same entry is under way in this process. */
  refresh(entryKey: string, req: Request): void {
    if (this.#underWay.has(entryKey)) return;
    const run = this.#run(req).finally(() => this.#underWay.delete(entryKey));
    this.#underWay.set(entryKey, run);
  }

  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  async #run(req: Request): Promise<void> {
    const headers = { ...req.headers };
    for (const name of NOT_REPEATED) delete headers[name];
    const { remoteAddress } = req.socket;
    const app = outermost(req.app);
    try {
      // Awaited inside: light-my-request sends nothing before somebody waits for its answer.
      await refreshing.run(true, async () => {
        await this.#inject((injected, res) => app(injected, res), {
          method: "GET",
          url: req.originalUrl,
          headers,
          ...(remoteAddress !== undefined && { remoteAddress }),
        });
      });
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error(
        `express-tenant-cache: a background refresh failed (${reason}); entries stay stale until they expire`,
      );
    }
  }
}

/** A router's app may be mounted in another one, whose middleware belongs to the request too. */
function outermost(app: Application & { parent?: Application }): Application {
  return app.parent ? outermost(app.parent) : app;
}
