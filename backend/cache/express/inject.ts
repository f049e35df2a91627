// Requests that do not come from a socket: light-my-request, an optional peer, loaded where something needs it.
import type { IncomingHttpHeaders } from "node:http";
import { createRequire } from "node:module";
import { TenantCacheError } from "../errors.js";

export type Inject = (
  dispatch: (req: never, res: never) => void,
  options: {
    readonly method: "GET";
    readonly url: string;
    readonly headers: IncomingHttpHeaders;
    readonly remoteAddress?: string;
  },
) => Promise<{ readonly statusCode: number }>;

/**
 * @param why what needs it, for the advice
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where the package is not installed
 */
export function loadInject(why: string): Inject {
  try {
    return createRequire(import.meta.url)("light-my-request") as Inject;
  } catch (cause) {
    const advice = `${why} through light-my-request: npm install light-my-request`;
    throw new TenantCacheError("ETC_LIGHT_MY_REQUEST", advice, { cause });
  }
}
