// The optional peers, loaded where something needs them: by a `require` in a `try`, which bundlers follow, and leave alone where it leads nowhere.
// Tests: test/package/bundlers.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cluster, Redis, SentinelConnector } from "ioredis";
import { TenantCacheError } from "./errors.js";

/** @internal */
export interface IoRedisModule {
  readonly SentinelConnector: typeof SentinelConnector;
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}

/** What `light-my-request` exports: hands a request that it makes to `dispatch`. */
export type LightMyRequest = (
  dispatch: (req: IncomingMessage, res: ServerResponse) => void,
  options: {
    readonly method: "GET";
    readonly url: string;
    readonly payload?: string;
    readonly remoteAddress?: string;
  },
) => Promise<{ readonly statusCode: number }>;

/**
 * @throws TenantCacheError `ETC_REDIS_MISSING` where it cannot be loaded
 * @internal
 */
export function loadIoRedis(): IoRedisModule {
  try {
    return require("ioredis") as IoRedisModule;
  } catch (cause) {
    const advice =
      "the redis option needs ioredis: npm install ioredis; in a bundle that lacks it, pass a client: redis: new Redis(url)";
    throw new TenantCacheError("ETC_REDIS_MISSING", advice, { cause });
  }
}

/**
 * @param why what needs it, for the advice
 * @param given the package, where the user has loaded it
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where it cannot be loaded
 */
export function loadLightMyRequest(why: string, given: LightMyRequest | undefined): LightMyRequest {
  if (given !== undefined) return given;
  try {
    return require("light-my-request") as LightMyRequest;
  } catch (cause) {
    const advice = `${why} through light-my-request: npm install light-my-request; in a bundle that lacks it, pass it: inject: require("light-my-request")`;
    throw new TenantCacheError("ETC_LIGHT_MY_REQUEST", advice, { cause });
  }
}
