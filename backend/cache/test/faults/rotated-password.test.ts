// A password that is replaced while the cache runs: connections are made with the present one, and a wrong one is said once.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { redisOfFile } from "../support/redis-of-file.js";
import { serveVersioned } from "../support/versioned-app.js";
import { openWatched, withoutRestated } from "../support/watched-cache.js";

describe("a password that is replaced", () => {
  const ofFile = redisOfFile();

  const setPassword = (password: string) =>
    ofFile.admin.call("ACL", "SETUSER", "cache", "reset", "on", `>${password}`, "~*", "&*", "+@all");

  /** Ends the user's connections, as a service does when a token has expired. */
  const endConnections = () => ofFile.admin.call("CLIENT", "KILL", "USER", "cache");

  async function open(redis: TenantCacheOptions["redis"]) {
    const watched = openWatched({ redis, budgetMs: 1000, local: { maxBytes: 0 } });
    const versioned = await serveVersioned(watched.cache);
    closeAfterTest(watched.cache, versioned.app);
    return { ...watched, ...versioned };
  }

  test("a function is asked for each connection: the cache comes back by itself, and both connections do", async () => {
    let password = "first";
    await setPassword(password);
    const { cache, read, lines } = await open({
      host: ofFile.server.host,
      port: ofFile.server.port,
      username: "cache",
      password: async () => password,
    });
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    await read();
    await cache.idle();
    assert.equal((await read()).cache, "hit");
    password = "second";
    await setPassword(password);
    await endConnections();
    while (cache.health().connected) await read();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal((await read()).cache, "hit", "the server is the same");
    const named = async () =>
      String(await ofFile.admin.call("CLIENT", "LIST")).match(/name=express-tenant-cache .*user=cache/g)
        ?.length;
    while ((await named()) !== 2) await read();
    assert.doesNotMatch(lines.join("\n"), /WRONGPASS|first|second/);
  });

  test("with a function that fails: why is said once, and it is asked again", async () => {
    await setPassword("right");
    let asked = 0;
    let fails = true;
    const { cache, read, lines } = await open({
      host: ofFile.server.host,
      port: ofFile.server.port,
      username: "cache",
      password: () => {
        asked++;
        if (fails) throw new Error("the vault is sealed");
        return "right";
      },
    });
    while (asked < 4) assert.equal((await read()).cache, "fwd=bypass; detail=store-unavailable");
    assert.equal(cache.health().reason, "the password function failed (the vault is sealed)");
    assert.equal(lines.length, 1, lines.join("\n"));
    fails = false;
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
  });

  test("closed while it is asked, it does not connect", async () => {
    await setPassword("right");
    let answer: (password: string) => void = () => undefined;
    const asked = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const { cache } = await open({
      host: ofFile.server.host,
      port: ofFile.server.port,
      username: "cache",
      password: () => asked,
    });
    await cache.close();
    answer("right");
    await new Promise(setImmediate);
    await ofFile.admin.ping();
    assert.doesNotMatch(String(await ofFile.admin.call("CLIENT", "LIST")), /user=cache/);
  });

  test("a client of the user's: its options are changed, as ioredis has it", async () => {
    await setPassword("first");
    const client = new Redis({
      host: ofFile.server.host,
      port: ofFile.server.port,
      username: "cache",
      password: "first",
    });
    client.on("error", () => undefined);
    closeAfterTest({ close: async () => client.disconnect() });
    const { cache, read, lines } = await open(client);
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    await setPassword("second");
    await endConnections();
    while (!/WRONGPASS/.test(lines.join("\n"))) await read();
    client.options.password = "second";
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    // A server that takes its time to say why is told as a connection that closes, and why it was later.
    const told = withoutRestated(lines);
    assert.equal(told.length, 2, lines.join("\n"));
    assert.match(told[0] ?? "", /store away \((?:WRONGPASS |connection closed)/);
  });
});
