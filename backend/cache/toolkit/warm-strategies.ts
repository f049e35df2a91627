// What is warmed, tenant by tenant: tasks that fill entries, or routes as the tenant would ask for them.
import type { IncomingHttpHeaders } from "node:http";
import { loadInject } from "../express/inject.js";

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
  /** What makes a request the tenant's, for example `{ authorization }`. */
  readonly headers: (tenantId: string) => IncomingHttpHeaders | Promise<IncomingHttpHeaders>;
}

export type WarmStrategy = EntryStrategy | RouteStrategy;

/**
 * The tasks of a strategy, of these tenants or of all. What cannot be listed of one tenant is a task that fails: the others go on.
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
      for await (const task of await list(tenantId)) tasks.push(task);
    } catch (error) {
      tasks.push(() => Promise.reject(error));
    }
  }
  return tasks;
}

function routeTasks({ app, urls, headers }: RouteStrategy): (tenantId: string) => WarmTask[] {
  const inject = loadInject("routes are warmed");
  return (tenantId) =>
    urls.map((url) => async () => {
      const { statusCode } = await inject(app, { method: "GET", url, headers: await headers(tenantId) });
      if (statusCode >= 400) throw new Error(`GET ${url} answered ${statusCode}`);
    });
}
