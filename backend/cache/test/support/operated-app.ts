// An app with some cached routes and the operations route, for tests of what operators ask.
import type express from "express";
import { afterTest } from "../../../servers/in-test.js";
import {
  CacheWarmer,
  type OperationsAccess,
  type OperationsOptions,
  type TenantCacheOptions,
} from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { serve } from "./http-app.js";

/** Who asks, by the header `x-who`. */
export const PERSONS: Readonly<Record<string, OperationsAccess | false>> = {
  operator: { view: true, tenants: "all", purge: true, warm: true, name: "olga" },
  viewer: { view: true, tenants: "all" },
  admin: { view: true, tenants: ["tenant-1"], purge: true, warm: true, name: "ada" },
  stranger: false,
};

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test says of each answer what is in it.
  readonly data: any;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** Opens the cache, `/things/:id`, `/others/:id`, and operations at `/ops`. */
export async function openOperatedApp(
  store: StoreName,
  {
    cache: cacheOptions = {},
    operations = {},
    parser,
  }: {
    readonly cache?: Partial<TenantCacheOptions>;
    readonly operations?: Partial<OperationsOptions>;
    readonly parser?: express.RequestHandler;
  } = {},
) {
  const cache = await openCache(store, cacheOptions);
  const warmer = new CacheWarmer(cache);
  const warmed: string[] = [];
  const space = (tenant: string) => cache.manager.tenant(tenant);
  warmer.register("values", {
    tenants: () => ["tenant-1", "tenant-2"],
    entries: (tenant) => [
      () => {
        warmed.push(tenant);
        return space(tenant).getOrSet("values:1", () => 1, 60);
      },
    ],
  });
  const app = await serve((express) => {
    if (parser) express.use(parser);
    express.use(
      "/ops",
      cache.operations({
        authorize: (req) => PERSONS[req.get("x-who") ?? ""],
        warmer,
        ...operations,
      }),
    );
    for (const name of ["things", "others"]) {
      express.get(`/${name}/:id`, cache.cacheList(name), (_req, res) => void res.json({ name }));
      express.post(`/${name}`, cache.invalidateCache(name), (_req, res) => void res.sendStatus(204));
    }
    express.use(((error, _req, res, _next) => {
      res.status(500).send(String(error));
    }) as express.ErrorRequestHandler);
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  return {
    ...app,
    cache,
    warmer,
    warmed,
    /** Asks the operations route. */
    async ask(path: string, init: RequestInit & { who?: string; json?: unknown } = {}): Promise<Told> {
      const { who = "operator", json, ...more } = init;
      const headers = new Headers(more.headers);
      if (who !== "") headers.set("x-who", who);
      if (json !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
      const body = json === undefined ? {} : { method: "POST", body: JSON.stringify(json) };
      const response = await fetch(`${app.url}/ops/${path}`, { ...body, ...more, headers });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") ?? false;
      const { data, error } = isJson && text !== "" ? JSON.parse(text) : { data: text, error: undefined };
      return { status: response.status, headers: response.headers, data, error };
    },
  };
}
