// What is warmed, tenant by tenant: tasks that fill entries, or routes as the tenant would ask for them.
// Tests: test/integration/warmer.test.ts, test/integration/origins.test.ts
import type { IncomingHttpHeaders } from "node:http";
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { loadInject } from "../express/inject.js";
import { fn, parse, registerCall } from "../options/parse.js";
import type { LightMyRequest } from "../peers.js";
import { shown } from "../shown.js";

type Listed<T> = Iterable<T> | AsyncIterable<T>;

/** Fills one entry, for example `() => profiles.getOrSet(tenantId, { id }, () => load(id))`. */
export type WarmTask = () => unknown;

interface TenantsStrategy {
  /** Those to warm where a run names none. */
  readonly tenants: () => Listed<string> | Promise<Listed<string>>;
}

export interface EntryStrategy extends TenantsStrategy {
  readonly entries: (tenantId: string) => Listed<WarmTask> | Promise<Listed<WarmTask>>;
}

export interface RouteStrategy extends TenantsStrategy {
  /** The app, or anything that handles requests as one. */
  readonly app: (req: never, res: never) => void;
  /** Paths with query, asked for as each tenant. */
  readonly urls: readonly string[];
  /**
   * Scheme, host and port that clients ask, or those of a tenant: what is warmed for one is no hit for
   * another, unless the routes say `authority: "ignore"`. Default `"http://localhost"`.
   */
  readonly origin?: string | ((tenantId: string) => string);
  /**
   * What makes a request the tenant's, for example `{ authorization }`; and what a proxy in front of the app
   * adds, where it is trusted.
   */
  readonly headers: (tenantId: string) => IncomingHttpHeaders | Promise<IncomingHttpHeaders>;
  /** The package `light-my-request`. Default: the one that is installed. For bundles that lack it. */
  readonly inject?: LightMyRequest;
}

export type WarmStrategy = EntryStrategy | RouteStrategy;

const ORIGIN_FORM = 'write scheme and host as clients do, as in "https://api.example.com"';
const tenants = fn("() => tenantIds");
const entryStrategy = z.strictObject({ tenants, entries: fn("(tenantId) => [() => load(tenantId)]") });
const routeStrategy = z.strictObject({
  tenants,
  app: fn("the Express app"),
  urls: z
    .array(z.string().regex(/^(\/|https?:)/, 'write paths with query, as in "/accounts?limit=50"'))
    .min(1, "write at least one path"),
  headers: fn("(tenantId) => ({ authorization })"),
  origin: z.union([z.string(), fn("(tenantId) => origin")], { error: ORIGIN_FORM }).optional(),
  inject: fn('require("light-my-request")').optional(),
});

registerCall("register", "register(name, { tenants, entries })", entryStrategy);
registerCall("register of routes", "register(name, { tenants, app, urls, headers })", routeStrategy);

/** @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS` */
export function checkStrategy(name: unknown, strategy: unknown): void {
  if (typeof name !== "string" || name === "")
    throw new TenantCacheError("ETC_ARGUMENTS", `register: the name is ${shown(name)}: write a string`);
  const isOfRoutes = "urls" in Object(strategy) || "app" in Object(strategy);
  if (isOfRoutes) {
    const { origin } = parse("register of routes", routeStrategy, strategy);
    if (typeof origin === "string") parseOrigin(origin);
  } else parse("register", entryStrategy, strategy);
}

/**
 * The tasks of a strategy, of these tenants or of all. What cannot be listed of one tenant is a task that
 * fails: the others go on.
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST`, and what `tenants` throws
 */
export async function listTasks(
  strategy: WarmStrategy,
  tenantIds: readonly string[] | undefined,
): Promise<WarmTask[]> {
  const list = "entries" in strategy ? strategy.entries : routeTasks(strategy);
  const tasks: WarmTask[] = [];
  for await (const tenantId of tenantIds ?? (await strategy.tenants())) {
    try {
      for await (const task of await list(tenantId)) tasks.push(checkTask(task));
    } catch (error) {
      tasks.push(() => Promise.reject(error));
    }
  }
  return tasks;
}

/** @throws TenantCacheError `ETC_ARGUMENTS` for what was begun already */
function checkTask(task: WarmTask): WarmTask {
  if (typeof task === "function") return task;
  throw new TenantCacheError(
    "ETC_ARGUMENTS",
    `entries: a task is ${shown(task)}: write a function for each entry, as in () => users.getOrSet(tenantId, { id }, load)`,
  );
}

function routeTasks(strategy: RouteStrategy): (tenantId: string) => WarmTask[] {
  const { app, urls, origin = LOCAL, headers } = strategy;
  const inject = loadInject("routes are warmed", strategy.inject);
  return (tenantId) => {
    const base = parseOrigin(typeof origin === "string" ? origin : origin(tenantId));
    return urls.map((url) => async () => {
      const { host, protocol, pathname, search } = new URL(url, base);
      const { statusCode } = await inject(app, {
        // Targets are not spelled anew: clients may write them otherwise, and each spelling has an entry.
        url: /^\/(?!\/)/.test(url) ? url : pathname + search,
        headers: { "user-agent": USER_AGENT, host, ...(await headers(tenantId)) },
        isEncrypted: protocol === "https:",
      });
      if (statusCode >= 400) throw new Error(`GET ${url} answered ${statusCode}`);
    });
  };
}

const LOCAL = "http://localhost";
const USER_AGENT = "express-tenant-cache";

/** @throws TenantCacheError `ETC_OPTIONS` */
function parseOrigin(origin: string): URL {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `CacheWarmer: ${JSON.stringify(origin)} is no origin: ${ORIGIN_FORM}`,
  );
}
