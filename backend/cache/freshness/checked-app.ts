// The application under test: the run's routes over the library and the truth, with slow handlers.
import { setTimeout as delay } from "node:timers/promises";
import express, { type Express, type RequestHandler } from "express";
import type { CacheListOptions, HandlerAnswer, TenantCache } from "../src/index.js";
import {
  type BackendConfig,
  CRASH_HEADER,
  FILLED_HEADER,
  GUARD_MS,
  type ListBody,
  REACHED_HEADER,
  RECORD_HEADER,
  TENANT_HEADER,
  type WriteRecord,
} from "./checked-protocol.js";
import { machineNowMs } from "./clock.js";
import { changedBy, type ListRoute, randomRoutes, shownBy, type WriteRoute } from "./routes.js";
import type { Truth } from "./truth.js";

const SLOWEST_READ_MS = 20;
const SLOWEST_COMMIT_MS = 4;
const SLOWEST_ANSWER_MS = 4;

/** A write whose answer is about to be released. */
export interface ReleasedWrite {
  readonly tenant: string;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
  readonly beganAtMs: number;
  /** `Infinity` where it has not committed. */
  readonly committedAtMs: number;
}

export interface Witness {
  /** What became of a write. */
  readonly recordOf: (write: ReleasedWrite) => WriteRecord;
  /** When the process had heard from Redis last. */
  readonly reachedAtMs: () => number;
}

export function createBackendApp(
  config: BackendConfig,
  cache: TenantCache,
  truth: Truth,
  { recordOf, reachedAtMs }: Witness,
): Express {
  const { lists, writes } = randomRoutes(config.seed);
  const app = express().disable("x-powered-by").disable("etag");
  for (const list of lists) {
    const modules = shownBy(list);
    const padding = "-".repeat(list.paddingBytes);
    const cached = cache.cacheList(list.module, cachingOf(list));
    const inFront = [
      tellOfReach(reachedAtMs),
      ...(config.without === "late-followers" ? [joinWhileAway(cache)] : []),
    ];
    app.get(list.path, ...inFront, cached, async (req, res) => {
      const tenant = req.get(TENANT_HEADER) ?? "";
      const askedAtMs = machineNowMs();
      const versions = await truth.read(tenant, modules);
      res.setHeader(FILLED_HEADER, `${config.name} ${askedAtMs} ${machineNowMs()}`);
      await upTo(SLOWEST_READ_MS);
      res.json({ ...body(tenant, req.originalUrl, modules, versions), padding });
    });
  }
  for (const write of writes) {
    app.post(
      write.path,
      tellOfWrite(write, recordOf),
      invalidation(config, cache, write),
      async (req, res) => {
        const tenant = req.get(TENANT_HEADER) ?? "";
        await upTo(SLOWEST_COMMIT_MS);
        const versions = await truth.write(tenant, changedBy(write));
        res.locals.committedAtMs = machineNowMs();
        if (req.get(CRASH_HEADER)) process.kill(process.pid, "SIGKILL");
        await upTo(SLOWEST_ANSWER_MS);
        res.status(201).json(body(tenant, req.originalUrl, changedBy(write), versions));
      },
    );
  }
  return app;
}

function cachingOf({ dependsOn, items, ttlSeconds, staleWhileRevalidate }: ListRoute): CacheListOptions {
  const named = (answer: HandlerAnswer) =>
    (answer.json() as ListBody).rows.map(({ module }) => module).filter((name) => items.includes(name));
  return {
    dependsOn,
    ttlSeconds,
    staleWhileRevalidate,
    ...(items.length > 0 && { tags: (_req, answer) => named(answer) }),
  };
}

function invalidation(config: BackendConfig, cache: TenantCache, write: WriteRoute): RequestHandler {
  if (config.without === "hold-back") return invalidateBehind(cache, write);
  const { modules, items } = write;
  const guarded = { guard: true, guardMs: GUARD_MS, onUnreachable: "reject" } as const;
  return cache.invalidateCache({
    modules,
    tags: () => [...items],
    ...(config.guarded && config.without !== "guard" && guarded),
  });
}

/** What hand-written middleware does: the response is on its way before the cache is told. */
function invalidateBehind(cache: TenantCache, { modules, items }: WriteRoute): RequestHandler {
  return (req, res, next) => {
    const tenant = req.get(TENANT_HEADER) ?? "";
    res.once("finish", () => {
      for (const module of modules) void cache.invalidateTenantCache(tenant, module);
      for (const item of items) void cache.invalidateTags(tenant, item);
    });
    next();
  };
}

/** Mounted before the invalidation, so that this `end` is the one that releases the response. */
function tellOfWrite({ modules, items: tags }: WriteRoute, recordOf: Witness["recordOf"]): RequestHandler {
  return (req, res, next) => {
    const beganAtMs = machineNowMs();
    const end = res.end;
    res.end = ((...args: unknown[]) => {
      const tenant = req.get(TENANT_HEADER) ?? "";
      const { committedAtMs = Number.POSITIVE_INFINITY } = res.locals;
      const record = recordOf({ tenant, modules, tags, beganAtMs, committedAtMs });
      res.setHeader(RECORD_HEADER, JSON.stringify(record));
      return Reflect.apply(end, res, args);
    }) as typeof res.end;
    next();
  };
}

/** With the head, which is when it is known what has been answered by then. */
function tellOfReach(reachedAtMs: () => number): RequestHandler {
  return (_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = ((...args: unknown[]) => {
      if (!res.headersSent) res.setHeader(REACHED_HEADER, String(reachedAtMs()));
      return Reflect.apply(writeHead, res, args);
    }) as typeof writeHead;
    next();
  };
}

/** What hand-written middleware does: whoever asks for what somebody is being answered gets the same, also if it came later. */
function joinWhileAway(cache: TenantCache): RequestHandler {
  const underWay = new Map<string, Promise<readonly [body: unknown, filled: string]>>();
  return (req, res, next) => {
    const name = `${req.get(TENANT_HEADER)} ${req.originalUrl}`;
    if (cache.health().connected) {
      next();
      return;
    }
    const known = underWay.get(name);
    if (known) {
      known.then(([body, filled]) => res.set(FILLED_HEADER, filled).json(body), next);
      return;
    }
    const { json } = res;
    const answered = new Promise<readonly [unknown, string]>((resolve, reject) => {
      res.json = (body) => {
        resolve([body, String(res.getHeader(FILLED_HEADER))]);
        return Reflect.apply(json, res, [body]);
      };
      res.once("close", () => reject(new Error("answered by another")));
    });
    answered.catch(() => undefined).finally(() => underWay.delete(name));
    underWay.set(name, answered);
    next();
  };
}

function upTo(slowestMs: number): Promise<void> {
  return delay(Math.random() * slowestMs);
}

function body(
  tenant: string,
  url: string,
  modules: readonly string[],
  versions: readonly number[],
): ListBody {
  const rows = modules.map((module, index) => ({ tenant, module, version: versions[index] ?? 0 }));
  return { tenant, url, rows };
}
