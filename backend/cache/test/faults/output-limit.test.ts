// A server that closes the connection over one large answer, each time it is asked for it: no coming and going ten times a second.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { READY_WITHIN_MS } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { redisOfFile } from "../support/redis-of-file.js";
import { openWatched } from "../support/watched-cache.js";

const LARGE = 400_000;
const RETURNS = 5;

describe("an output buffer limit below an entry's size", () => {
  const ofFile = redisOfFile((admin) =>
    admin.config("SET", "client-output-buffer-limit", "normal 100000 0 0"),
  );

  test("requests are answered, and the log does not repeat itself, however often the connection is lost", async () => {
    const { cache, lines, passes } = openWatched({
      redis: ofFile.server.url,
      budgetMs: 1000,
      local: { maxBytes: 0 },
    });
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    const app = await serve((express) => {
      express.get("/list/:bytes", cache.cacheList("accounts"), (req, res) => {
        res.send("x".repeat(Number(req.params.bytes)));
      });
    });
    const connected = async () =>
      Number(/total_connections_received:(\d+)/.exec(await ofFile.admin.info("stats"))?.[1]);
    const [before, startedAtMs, first] = [await connected(), performance.now(), passes()];
    while (passes() < first + RETURNS) {
      for (const bytes of [LARGE, 1000]) {
        const answer = await app.request(`/list/${bytes}`);
        assert.deepEqual([answer.status, answer.body.length], [200, bytes]);
      }
    }
    const elapsedMs = performance.now() - startedAtMs;
    // 0, 50, 100, 200 and 400 ms at least: pauses that grow with each return.
    assert.ok(elapsedMs >= 700, `back ${RETURNS} times within ${elapsedMs} ms`);
    assert.ok((await connected()) - before <= 4 * RETURNS, "it does not connect more often than it is tried");
    assert.ok(lines.length <= 3, lines.join("\n"));
    assert.match(lines.at(-1) ?? "", /store away \(connection closed, not for the first time\)/);
    assert.match(cache.health().reason ?? "", /connection closed|^$/);

    await ofFile.admin.config("SET", "client-output-buffer-limit", "normal 0 0 0");
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    while ((await app.request(`/list/${LARGE}`)).cache !== "hit") await cache.idle();
    assert.ok(lines.length <= 3, "it is not called back before it stays");
    await app.close();
    await cache.close();
  });
});
