// docs/use/coming-from.md runs: its code blocks, and what its tables call "here".
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import type { TenantCache } from "../../src/index.js";
import * as library from "../../src/index.js";
import { openCache, quiet } from "../support/caches.js";

const { CacheMonitor, CacheWarmer, paginatedKey, TTL_PRESETS } = library;
const page = readFileSync(projectFile("docs", "use", "coming-from.md"), "utf8");
const [names = "", ...blocks] = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code = ""]) => code);

/** The code spans of the second column: calls that a reader copies. */
const calls = [...page.matchAll(/^\|(.*)\|$/gm)]
  .map(([, row = ""]) => row.split("|")[1] ?? "")
  .flatMap((here) => [...here.matchAll(/`([^`]+)`/g)])
  .map(([, call = ""]) => call);

for (const store of ["memory", "redis"] as const) {
  describe(`docs/use/coming-from.md on ${store}`, () => {
    let cache: TenantCache;
    let scope: Record<string, unknown>;
    const made: TenantCache[] = [];

    beforeAll(async () => {
      cache = await openCache(store);
      const tenantId = "acme";
      scope = {
        assert,
        paginatedKey,
        TTL_PRESETS,
        tenant: () => undefined,
        process: { env: {} },
        createTenantCache: (options: library.TenantCacheOptions) => {
          const another = library.createTenantCache({ logger: quiet, ...options });
          made.push(another);
          return another;
        },
        cache,
        cacheList: cache.cacheList,
        invalidateCache: cache.invalidateCache,
        tenantId,
        space: cache.manager.tenant(tenantId),
        users: cache.manager.collection("users:profile:{id}", { ttlSeconds: cache.manager.ttl.LONG }),
        warmer: new CacheWarmer(cache),
        monitor: new CacheMonitor(cache),
        load: async () => ({ name: "Ada" }),
      };
    });
    afterAll(async () => {
      for (const each of [cache, ...made]) await each.close();
    });

    test("what the tables call runs, in their order", async () => {
      assert.ok(calls.length > 60, `${calls.length} calls are found`);
      // All of them use it, and `after` closes it.
      for (const call of calls.filter((each) => each !== "cache.close()"))
        await assert.doesNotReject(async () => run(scope, `return (${call});`), call);
    });

    test("the blocks run", async () => {
      assert.equal(blocks.length, 1);
      for (const block of blocks) await run(scope, block);
    });

    test("a miss is undefined, and null is a value", async () => {
      const space = cache.manager.tenant("acme");
      assert.equal(await space.get("nulls:1"), undefined);
      assert.equal(await space.set("nulls:1", null), true);
      assert.equal(await space.get("nulls:1"), null);
    });
  });
}

test("docs/use/coming-from.md imports what the library exports, and its first block makes the names that its calls use", () => {
  const imported = /import \{ (.*?) \} from "express-tenant-cache"/.exec(names)?.[1]?.split(", ") ?? [];
  assert.ok(imported.length > 3);
  for (const name of imported) assert.ok(name in library, name);
  for (const made of ["cache", "space", "users", "warmer", "monitor"])
    assert.match(names, new RegExp(`const ${made} = `));
});

/** Runs code as the body of an async function that sees these names. */
function run(scope: Record<string, unknown>, code: string): Promise<unknown> {
  const AsyncFunction = (async () => undefined).constructor as new (
    ...parts: string[]
  ) => (...given: unknown[]) => Promise<unknown>;
  return new AsyncFunction(...Object.keys(scope), code)(...Object.values(scope));
}
