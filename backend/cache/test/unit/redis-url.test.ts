// URLs of Redis servers, and the options that are made of them. What each wrong one is told: backend/test/unit/config-redis.test.ts.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { redisUrls } from "../../src/index.js";

const servers = (url: string, beside: redisUrls.BesideUrl = {}) =>
  redisUrls.serversOf(redisUrls.parseRedisUrl(url), beside);

describe("a URL", () => {
  test("of one server: its options, and TLS by the server's name", () => {
    assert.deepEqual(servers("redis://cache:p%40ss@redis.example:6380/2"), {
      kind: "single",
      options: { username: "cache", password: "p@ss", host: "redis.example", port: 6380, db: 2 },
    });
    const { options } = servers("rediss://redis.example", { tls: { ca: "pem" } });
    assert.deepEqual(options.tls, { servername: "redis.example", ca: "pem" });
  });

  test("of sentinels and of a Cluster", () => {
    const { kind, options } = servers("redis+sentinel://:pw@a,b:1/main/1", {
      sentinel: { sentinelPassword: "other" },
    });
    assert.equal(kind, "sentinel");
    assert.deepEqual(options.sentinels, [
      { host: "a", port: 26_379 },
      { host: "b", port: 1 },
    ]);
    assert.deepEqual([options.name, options.db, options.sentinelPassword], ["main", 1, "other"]);
    assert.deepEqual(servers("redis+cluster://a,b:7001"), {
      kind: "cluster",
      nodes: [
        { host: "a", port: 6379 },
        { host: "b", port: 7001 },
      ],
      options: {},
    });
  });

  test("is described without its secrets", () => {
    for (const url of [
      "redis://u:secret@h:1/2",
      "redis+sentinel://u:secret@h/m",
      "redis+cluster://u:secret@h",
    ])
      assert.doesNotMatch(redisUrls.describeServers(servers(url)), /secret|u:/);
    assert.throws(
      () => redisUrls.parseRedisUrl("redis://u:sec%ret@h"),
      (error: Error) => !/sec%ret/.test(error.message),
    );
  });
});
