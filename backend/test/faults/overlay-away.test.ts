// Redis away: the overlay goes on from its rows. PostgreSQL away: nothing is disclosed that could not be put on record.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { startTcpProxy, type TcpProxy } from "../../servers/tcp-proxy.js";
import { until } from "../../servers/until.js";
import {
  ADA,
  communication,
  type OverlayDatabase,
  type OverlayProcess,
  openOverlay,
  startOverlay,
  TENANT,
} from "../support/overlay-database.js";

describe("servers that are away", () => {
  let redis: RedisServer;
  let db: OverlayDatabase;
  let proxy: TcpProxy;
  /** Its PostgreSQL is behind the proxy. */
  let cutOff: OverlayProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
    db = await startOverlay({}, redis.url);
    const behind = new URL(db.url);
    proxy = await startTcpProxy(Number(behind.port));
    behind.hostname = "127.0.0.1";
    behind.port = String(proxy.port);
    const { redisUrl, keyPrefix, folder, secret } = db;
    const settings = { databaseUrl: behind.href, redisUrl, keyPrefix, folder, secret };
    cutOff = await openOverlay(settings);
  });
  afterAll(async () => {
    await cutOff.close();
    await proxy.close();
    await db.close();
    await redis.stop();
  });

  test("Redis away: reads and writes go on from rows, and what it missed is not served when it is back", async () => {
    const ada = db.as(ADA);
    await ada.setCommunication(communication({ id: "c1", subject: "old" }), ADA);
    await ada.getClientCommunications("hubspot:1");
    await ada.setCrmClient("hubspot", "1", { n: 1 }, ADA);
    await redis.kill();
    assert.equal((await ada.getCommunication("c1", ADA))?.subject, "old");
    await ada.setCommunication(communication({ id: "c1", subject: "new" }), ADA);
    await ada.setCommunication(communication({ id: "c2" }), ADA);
    assert.equal((await ada.getCommunication("c1", ADA))?.subject, "new");
    assert.equal((await ada.getClientCommunications("hubspot:1")).items.length, 2);
    await ada.setCrmClient("hubspot", "1", { n: 2 }, ADA);
    assert.deepEqual((await ada.getCrmClient("hubspot", "1", ADA))?.data, { n: 2 });
    const [log] = await db.trail.getAuditLogs(TENANT, "communication", "c1");
    assert.equal(log?.source, "store");
    // What lives in the cache alone says that it was not kept.
    assert.equal(await ada.setSession("s1", { a: 1 }, ADA), false);
    assert.equal(await ada.getSession("s1"), undefined);
    const { id } = await ada.addAIAction(ADA, { type: "goes_on" });
    assert.equal((await ada.claimAIActions(ADA))[0]?.id, id);
    await redis.restart();
    await until("sessions are kept again", () => ada.setSession("s1", { a: 1 }, ADA));
    for (const each of [ada, cutOff.as(ADA)]) {
      assert.equal((await each.getCommunication("c1", ADA))?.subject, "new");
      assert.equal((await each.getClientCommunications("hubspot:1")).items.length, 2);
      assert.deepEqual((await each.getCrmClient("hubspot", "1", ADA))?.data, { n: 2 });
    }
  });

  test("PostgreSQL away: 503 for hits, too; nothing leaves without its record, and no write is half done", async () => {
    const theirs = cutOff.as(ADA);
    await theirs.setCommunication(communication({ id: "hit" }), ADA);
    assert.ok(await theirs.getCommunication("hit", ADA));
    const logs = async () => (await db.trail.getAuditLogs(TENANT, "communication", "hit")).length;
    const before = await logs();
    proxy.cut();
    const unavailable = (error: unknown) =>
      (error instanceof HttpProblem && error.status === 503) ||
      /ECONNREFUSED|ECONNRESET|Connection terminated|timeout exceeded/.test(String(error));
    for (const call of [
      () => theirs.getCommunication("hit", ADA),
      () => theirs.getClientCommunications("hubspot:1"),
      () => theirs.setCommunication(communication({ id: "hit", subject: "half" }), ADA),
      () => theirs.getCrmClient("hubspot", "1", ADA),
      () => theirs.getSession("s1"),
      () => theirs.getAIQueue(ADA),
    ])
      await assert.rejects(call, unavailable);
    assert.equal(await logs(), before);
    proxy.heal();
    const read = await db.as(ADA).getCommunication("hit", ADA);
    assert.equal(read?.subject, "Your appointment");
    await until("the pool connects again", async () => {
      const again = await theirs.getCommunication("hit", ADA).catch(() => undefined);
      return again?.subject === "Your appointment";
    });
  });
});
