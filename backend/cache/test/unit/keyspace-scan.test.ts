// A walk through several masters: in turns, so that who stops early has seen as much of each.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { scanKeys } from "../../src/store/redis/keyspace-scan.js";
import type { RedisClient } from "../../src/store/redis/redis-client.js";
import { PacedSteps } from "../../src/store/redis/server-pace.js";

/** A master whose pages are these. */
function masterOf(pages: readonly (readonly string[])[]): RedisClient {
  const master: Pick<RedisClient, "scan"> = {
    scan: async (cursor) => {
      const at = Number(cursor);
      return [at + 1 < pages.length ? String(at + 1) : "0", [...(pages[at] ?? [])]];
    },
  };
  return master as RedisClient;
}

const masters = [
  masterOf([["a1"], ["a2"]]),
  masterOf([["b1"], [], ["b3"], ["b4"]]),
  masterOf([["c1"], ["c2"], ["c3"]]),
];

async function pagesOf(withEmpty: boolean): Promise<string[]> {
  const steps = new PacedSteps(() => ({ restFactor: 0, maxRestMs: 0 }));
  const [client] = masters as [RedisClient, ...RedisClient[]];
  const seen: string[] = [];
  for await (const page of scanKeys(client, "", { pageKeys: 1, steps, masters, withEmpty }))
    seen.push(page.join() || "-");
  return seen;
}

test("masters take turns, page by page, until each has been walked through", async () => {
  const seen = await pagesOf(false);
  assert.deepEqual(seen.slice(0, 3), ["a1", "b1", "c1"]);
  assert.deepEqual([...seen].sort(), ["a1", "a2", "b1", "b3", "b4", "c1", "c2", "c3"]);
  // The longest one is not walked through alone before the others have ended.
  assert.ok(seen.indexOf("b3") > seen.indexOf("a2"));
});

test("who counts what was looked at is told of pages without a key, too", async () => {
  assert.equal((await pagesOf(true)).filter((page) => page === "-").length, 1);
});
