// The examples in docs/examples, each served as it is, and closed behind its test.
import { pathToFileURL } from "node:url";
import { test } from "@jest/globals";
import type { Express } from "express";
import { projectFile } from "../../../project-root.js";
import type { CacheMonitor, CacheWarmer, StalenessProbe, TenantCache } from "../../src/index.js";
import { type HttpApp, serve } from "./http-app.js";

export interface Example {
  readonly app: Express;
  readonly cache: TenantCache;
  readonly lists: TenantCache;
  readonly settings: TenantCache;
  readonly rows: Map<string, unknown>;
  readonly warmer: CacheWarmer;
  readonly monitor: CacheMonitor;
  readonly probe: StalenessProbe;
  importAccounts(tenantId: string): Promise<boolean>;
  readonly runs: { readonly queries: number };
  importRates(tenantIds: readonly string[]): Promise<void>;
}

export const FOLDER = projectFile("docs", "examples");
// By integration/readme, package/apollo, integration/toolkit-example, integration/feed-example, integration/touched-recipes and package/orm-hooks.
export const tried = new Set(["quick-start.js", "apollo.js", "toolkit.js", "feed.js", "auto.js", "orm"]);

export function example(name: string, run: (app: HttpApp, it: Example) => Promise<void>): void {
  tried.add(name);
  test(name, async () => {
    const it = (await import(pathToFileURL(`${FOLDER}/${name}`).href)) as Example;
    const app = await serve((express) => express.use(it.app));
    try {
      await run(app, it);
    } finally {
      await app.close();
      await Promise.all([it.cache, it.lists, it.settings].map((cache) => cache?.close()));
    }
  });
}
