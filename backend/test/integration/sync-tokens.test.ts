// Tokens: renewed by one of all processes, stored before they are used, never spent twice.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache } from "express-tenant-cache";
import { closeAfterTest } from "../../servers/in-test.js";
import { NeedsReconnect, SourceUnavailable } from "../../services/sync/connector.js";
import { TokenKeeper } from "../../services/sync/token-keeper.js";
import { openCache, quiet, STORES, type StoreName } from "../support/caches.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import {
  hubspotConnection,
  salesforceConnection,
  startHubspot,
  startSalesforce,
} from "../support/crms/sync-system.js";
import { type SubjectDatabase, startSubjectDatabase } from "../support/subject-database.js";

const never = new AbortController().signal;
const cacheOf = async (store: StoreName) => {
  const cache = await openCache(store);
  closeAfterTest(cache);
  return cache;
};

describe("access tokens", () => {
  let database: SubjectDatabase;
  beforeAll(async () => {
    database = await startSubjectDatabase();
  });
  afterAll(() => database.close());

  const started = async () => {
    const server: HubspotServer = await startHubspot();
    closeAfterTest(server);
    return { server, connection: hubspotConnection(server) };
  };

  test.each(STORES.filter((store) => store === "memory" || store === "redis"))(
    "of many processes one refreshes, and a token that is good for one use is used once: locks in %s",
    async (store) => {
      const { server, connection } = await started();
      server.refreshMs = 150;
      const keepers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const { manager } = await cacheOf(store);
          return new TokenKeeper({
            pool: database.pool,
            audit: database.trail,
            vault: database.vault(),
            manager,
            connection,
          });
        }),
      );
      for (let generation = 1; generation <= 3; generation += 1) {
        const tokens = await Promise.all(
          keepers.flatMap((keeper) => [keeper.access(never), keeper.access(never)]),
        );
        assert.equal(new Set(tokens.map(({ accessToken }) => accessToken)).size, 1);
        assert.equal(server.refreshes, generation);
        for (const keeper of keepers) keeper.refused(tokens[0]?.accessToken ?? "");
      }
      assert.equal(server.spentTwice, 0);
    },
  );

  test("with the store of locks away, the claim in the database is enough", async () => {
    const { server, connection } = await started();
    server.refreshMs = 150;
    const keepers = Array.from({ length: 4 }, () => {
      const cache = createTenantCache({ redis: "redis://127.0.0.1:1", tenant: () => "x", logger: quiet });
      closeAfterTest(cache);
      return new TokenKeeper({
        pool: database.pool,
        audit: database.trail,
        vault: database.vault(),
        manager: cache.manager,
        connection,
      });
    });
    await Promise.all(keepers.map((keeper) => keeper.access(never)));
    assert.deepEqual([server.refreshes, server.spentTwice], [1, 0]);
  });

  test("the new refresh token is in the database, sealed, and a process that starts later goes on with it", async () => {
    const { server, connection } = await started();
    const { manager } = await cacheOf("memory");
    const make = () =>
      new TokenKeeper({
        pool: database.pool,
        audit: database.trail,
        vault: database.vault(),
        manager,
        connection,
      });
    const { accessToken } = await make().access(never);
    const { rows } = await database.pool.query("SELECT tokens FROM sync_connections WHERE id = $1", [
      connection.id,
    ]);
    const stored: Buffer = rows[0].tokens;
    for (const secret of [server.refreshToken, accessToken]) assert.ok(!stored.includes(secret));
    const logs = await database.trail.getAuditLogs(connection.tenant, "sync_connection", connection.id);
    assert.deepEqual(
      logs.map(({ detail }) => detail),
      [{ step: "token renewed" }],
    );
    const later = make();
    assert.equal((await later.access(never)).accessToken, accessToken);
    server.expireTokens();
    later.refused(accessToken);
    assert.notEqual((await later.access(never)).accessToken, accessToken);
    assert.equal(server.spentTwice, 0);
  });

  test("the database away when the new token comes: it is stored later, and the spent one is not used again", async () => {
    const { server, connection } = await started();
    const { manager } = await cacheOf("memory");
    let isAway = false;
    const vault = database.vault();
    const flaky = {
      open: vault.open.bind(vault),
      seal: async (...args: Parameters<typeof vault.seal>) => {
        if (isAway) throw new Error("the database is away");
        return vault.seal(...args);
      },
    };
    const keeper = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: flaky,
      manager,
      connection,
    });
    isAway = true;
    await assert.rejects(keeper.access(never), /away/);
    await assert.rejects(keeper.access(never), /away/);
    isAway = false;
    await keeper.access(never);
    assert.deepEqual([server.refreshes, server.spentTwice], [1, 0]);
  });

  test("a token that ends soon is renewed before it does", async () => {
    const { server, connection } = await started();
    const { manager } = await cacheOf("memory");
    server.expiresInSeconds = 30;
    const keeper = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: database.vault(),
      manager,
      connection,
    });
    await keeper.access(never);
    await keeper.access(never);
    assert.equal(server.refreshes, 2);
  });

  test("refused for good: somebody has to connect again, and until then nothing is asked; a new token is taken up", async () => {
    const { server, connection } = await started();
    const { manager } = await cacheOf("memory");
    server.revoke();
    const keeper = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: database.vault(),
      manager,
      connection,
    });
    await assert.rejects(keeper.access(never), NeedsReconnect);
    const asked = server.count(/token/);
    await assert.rejects(keeper.access(never), NeedsReconnect);
    assert.equal(server.count(/token/), asked);
    const fresh: HubspotServer = await startHubspot();
    closeAfterTest(fresh);
    const reconnected = { ...connection, api_url: fresh.url, refresh_token: fresh.refreshToken };
    const again = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: database.vault(),
      manager,
      connection: reconnected,
    });
    assert.equal((await again.access(never)).baseUrl, fresh.url);
  });

  test("a token endpoint that fails is asked again by whoever comes next", async () => {
    const { server, connection } = await started();
    const { manager } = await cacheOf("memory");
    const keeper = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: database.vault(),
      manager,
      connection,
    });
    for (const fault of ["500", "reset", "half"] as const) {
      server.failNext(fault, /oauth/);
      // Half an answer may have spent the token: HubSpot keeps it good.
      if (fault === "half") server.rotates = false;
      await assert.rejects(keeper.access(never), SourceUnavailable, fault);
    }
    assert.ok(await keeper.access(never));
  });

  test("Salesforce says where the organisation is, and not how long a token is good", async () => {
    const server = await startSalesforce();
    closeAfterTest(server);
    const { manager } = await cacheOf("memory");
    const connection = salesforceConnection(server);
    const keeper = new TokenKeeper({
      pool: database.pool,
      audit: database.trail,
      vault: database.vault(),
      manager,
      connection,
    });
    const { baseUrl, expiresAtMs } = await keeper.access(never);
    assert.deepEqual([baseUrl, expiresAtMs], [server.url, undefined]);
  });
});
