// The persistent Redis: whatever is wrong with a connection, its reason can be told.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import type { RedisServers } from "../../config/redis-servers.js";
import { startRedisServer } from "../../servers/index.js";
import { startRedisSentinels } from "../../servers/redis-sentinel.js";
import { CERT_FILE, KEY_FILE } from "../../servers/redis-tls.js";
import { until } from "../../servers/until.js";
import { connectionProblem, connectStateRedis, untilConnected } from "../../state/state-redis.js";
import { serversAt } from "../support/servers-at.js";

describe("a connection of the state that fails", () => {
  const stops: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  /** Each attempt tells its own reason, and the first may be that the machine was busy. */
  async function tells(servers: RedisServers, reason: RegExp): Promise<void> {
    const redis = connectStateRedis(servers, { commandTimeoutMs: 5000, connectionName: "test" });
    try {
      assert.equal(await untilConnected(redis), false);
      await until(String(reason), () => reason.test(connectionProblem(redis) ?? ""));
    } finally {
      redis.disconnect();
    }
  }

  test("says why: nobody there, a wrong password, a certificate of somebody else, a server that is no Cluster", async () => {
    await tells(serversAt("redis://127.0.0.1:1"), /ECONNREFUSED/);
    const open = await startRedisServer({ args: ["--requirepass", "secret"] });
    stops.push(() => open.stop());
    await tells(serversAt(`redis://:wrong@127.0.0.1:${open.port}`), /WRONGPASS/);
    await tells(serversAt(`redis+cluster://:secret@127.0.0.1:${open.port}`), /cluster support disabled/);
    const secure = await startRedisServer({ tls: true });
    stops.push(() => secure.stop());
    await tells(serversAt(`rediss://localhost:${secure.port}`), /certificate/);
    const files = { TLS_CA_FILE: CERT_FILE, TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: KEY_FILE };
    await tells(serversAt(`rediss://127.0.0.1:${secure.port}`, files), /not in the cert's list|altnames/);
  });

  test("says why: sentinels that ask for a password, that do not know the master, or that are not there", async () => {
    await tells(serversAt("redis+sentinel://127.0.0.1:1,127.0.0.1:2/cache"), /sentinel 127.0.0.1:2/);
    const sentinels = await startRedisSentinels(undefined, {
      passwords: { servers: "of-the-servers", sentinels: "of-the-sentinels" },
    });
    stops.push(() => sentinels.stop());
    const [{ host, port } = { host: "", port: 0 }] = sentinels.options.sentinels;
    const url = `redis+sentinel://:of-the-servers@${host}:${port}`;
    await tells(serversAt(`${url}/cache`), /NOAUTH/);
    const password = { SENTINEL_PASSWORD: "of-the-sentinels" };
    await tells(serversAt(`${url}/others`, password), /No such master with that name/);
    const redis = connectStateRedis(serversAt(`${url}/cache`, password), {
      commandTimeoutMs: 5000,
      connectionName: "test",
    });
    while (!(await untilConnected(redis)));
    assert.equal(connectionProblem(redis), undefined);
    redis.disconnect();
  });
});
