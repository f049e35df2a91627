// Background refresh: runs a request through the app again, off the socket, so that a stale entry is replaced behind a response.
// Tests: test/integration/stale.test.ts, test/integration/origins.test.ts
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Request } from "express";
import { Refreshes } from "../engine/refreshes.js";
import type { Logger } from "../logger.js";
import type { LightMyRequest } from "../peers.js";
import { outermost } from "./asked-as.js";
import { hostOf, isEncrypted } from "./authority.js";
import { type Inject, loadInject } from "./inject.js";
import { setMethods } from "./own-methods.js";

/**
 * The requests that are refreshes: not something that a request from outside could claim, and not lost where
 * middleware calls back from a connection of its own, as the async context would be.
 */
const refreshes = new WeakSet<object>();

/** Whether this request is a background refresh: it fills, and nobody reads its answer. */
export function isRefresh(req: Request): boolean {
  return refreshes.has(req);
}

// They would make the answer partial, or empty, or concern the connection of the request that found the entry
// stale.
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
  readonly #underWay: Refreshes;

  /**
   * @param waitMs how long a refresh is waited for: its handler may never answer
   * @param inject the package, where the user has loaded it
   * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where the package is not installed
   */
  constructor(logger: Logger, waitMs: number, inject: LightMyRequest | undefined) {
    this.#inject = loadInject("staleWhileRevalidate refreshes", inject);
    this.#underWay = new Refreshes(waitMs, (reason) =>
      logger.error(
        `express-tenant-cache: a background refresh failed (${reason}); entries stay stale until they expire`,
      ),
    );
  }

  /** Starts a refresh unless one of the same entry is under way in this process. */
  refresh(entryKey: string, req: Request): void {
    this.#underWay.start(entryKey, () => this.#run(req));
  }

  idle(): Promise<void> {
    return this.#underWay.idle();
  }

  /** Starts none from now on. Resolves when none is under way. */
  close(): Promise<void> {
    return this.#underWay.close();
  }

  async #run(req: Request): Promise<void> {
    // A router without an app around it has none.
    const app = outermost(req.app) as Request["app"];
    const repeated = {
      url: req.originalUrl,
      headers: repeatedHeaders(req),
      isEncrypted: isEncrypted(req),
      remoteAddress: req.socket.remoteAddress,
    };
    await new Promise<void>((resolve, reject) => {
      const made = (injected: object, res: ServerResponse) => {
        refreshes.add(injected);
        // What is told when the response has finished is told by a global timer, which tests may have
        // replaced.
        setMethods(res, {
          end: (...args: unknown[]) => {
            Reflect.apply(Object.getPrototypeOf(res).end, res, args);
            resolve();
            return res;
          },
        });
      };
      this.#inject(app, repeated, made).then(() => resolve(), reject);
    });
  }
}

/**
 * The same entry is named by the same Host: what HTTP/2 says in fields of its own (RFC 9113 section 8.3.1) is
 * said there.
 */
function repeatedHeaders(req: Request): IncomingHttpHeaders {
  const repeated = Object.entries(req.headers).filter(
    ([name]) => !name.startsWith(":") && !NOT_REPEATED.includes(name),
  );
  const host = hostOf(req);
  return { ...Object.fromEntries(repeated), ...(host !== undefined && { host }) };
}
