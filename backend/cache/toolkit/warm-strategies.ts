// What is warmed: tasks that fill entries, or routes as tenants would ask for them.
import type { IncomingHttpHeaders } from "node:http";
import { loadInject } from "../express/inject.js";

type Listed<T> = Iterable<T> | AsyncIterable<T>;
type Lister<T> = () => Listed<T> | Promise<Listed<T>>;

/** Fills one entry, for example `() => profiles.getOrSet(tenantId, { id }, () => load(id))`. */
export type WarmTask = () => unknown;

export interface EntryStrategy {
  readonly entries: Lister<WarmTask>;
}

export interface RouteStrategy {
  /** The app, or anything that handles requests as one. */
  readonly app: (req: never, res: never) => void;
  readonly tenants: Lister<string>;
  /** Paths with query, asked for as each tenant. */
  readonly urls: readonly string[];
  /** What makes a request the tenant's, for example `{ authorization }`. */
  readonly headers: (tenantId: string) => IncomingHttpHeaders | Promise<IncomingHttpHeaders>;
}

export type WarmStrategy = EntryStrategy | RouteStrategy;

/**
 * The tasks of a strategy.
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST`, and what its functions throw
 */
export async function listTasks(strategy: WarmStrategy): Promise<WarmTask[]> {
  const tasks: WarmTask[] = [];
  if ("entries" in strategy) {
    for await (const task of await strategy.entries()) tasks.push(task);
    return tasks;
  }
  const inject = loadInject("routes are warmed");
  for await (const tenantId of await strategy.tenants()) {
    for (const url of strategy.urls)
      tasks.push(async () => {
        const headers = await strategy.headers(tenantId);
        const { statusCode } = await inject(strategy.app, { method: "GET", url, headers });
        if (statusCode >= 400) throw new Error(`GET ${url} answered ${statusCode}`);
      });
  }
  return tasks;
}
