// An app whose cache advises, and its advice once all answers have been looked at.
import type { Express } from "express";
import { afterTest } from "../../../servers/in-test.js";
import type { RouteAdvice, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache } from "./caches.js";
import { type HttpApp, serve } from "./http-app.js";

export async function observing(
  mount: (app: Express, cache: TenantCache) => void,
  options: Partial<TenantCacheOptions> = {},
): Promise<{ readonly cache: TenantCache; readonly app: HttpApp }> {
  const cache = await openCache("memory", options);
  afterTest(() => cache.close());
  const app = await serve((express) => mount(express, cache));
  afterTest(() => app.close());
  return { cache, app };
}

/** Once all answers have been looked at: that is behind their last byte. */
export async function adviceOn(cache: TenantCache, module: string, answers: number): Promise<RouteAdvice> {
  for (;;) {
    const route = cache.advice().routes.find((each) => each.module === module);
    const seen = Object.values(route?.unstorable ?? {}).reduce((sum, count) => sum + count, 0);
    if (route && (route.requests >= answers || seen >= answers) && route.handlerMs !== null) {
      await new Promise((resolve) => setImmediate(resolve));
      return cache.advice().routes.find((each) => each.module === module) as RouteAdvice;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const codes = ({ warnings }: RouteAdvice) => warnings.map(({ code }) => code);
