// An app with one versioned list a tenant: each read tells which version it saw, each write makes a new one.
import type { CacheListOptions, InvalidateOptions, TenantCache } from "../../src/index.js";
import { type Answer, type HttpApp, serve } from "./http-app.js";

export interface VersionedApp {
  readonly app: HttpApp;
  /** Handler runs of the list so far. */
  readonly runs: () => number;
  read(path?: string): Promise<{ readonly version: number; readonly cache: string; readonly status: number }>;
  /** Resolves with the answer to a write, whose body says the new version. */
  write(): Promise<Answer>;
}

export interface VersionedAppOptions {
  readonly list?: CacheListOptions;
  readonly write?: InvalidateOptions;
  /** Shared truth, where several apps stand for several processes. */
  readonly truth?: { version: number };
  readonly beforeAnswering?: () => Promise<unknown>;
}

export async function serveVersioned(
  cache: TenantCache,
  options: VersionedAppOptions = {},
): Promise<VersionedApp> {
  const truth = options.truth ?? { version: 0 };
  let runs = 0;
  const app = await serve((express) => {
    express.get("/list{/*rest}", cache.cacheList("accounts", options.list ?? {}), async (_req, res) => {
      runs++;
      const { version } = truth;
      await options.beforeAnswering?.();
      res.json({ version });
    });
    express.post("/list", cache.invalidateCache({ modules: ["accounts"], ...options.write }), (_req, res) => {
      truth.version++;
      res.status(201).json({ version: truth.version });
    });
  });
  return {
    app,
    runs: () => runs,
    async read(path = "/list") {
      const answer = await app.request(path);
      return {
        version: JSON.parse(answer.body).version as number,
        cache: answer.cache,
        status: answer.status,
      };
    },
    write: () => app.request("/list", { method: "POST" }),
  };
}
