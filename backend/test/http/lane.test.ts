// The lane in front of the CRM: the app's answers, for nobody whom the app would refuse.
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { MemoryStore } from "express-rate-limit";
import { pino } from "pino";
import supertest from "supertest";
import { drain, listen } from "../../http/http-server.js";
import { Authenticator } from "../../http/identity/authenticator.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { laneInFront } from "../../http/lane.js";
import { AuthState, createAuthService } from "../../services/auth/index.js";
import { issueToken } from "../../services/tokens.js";
import { connectStateRedis, untilConnected } from "../../state/state-redis.js";
import { sharedRedisUrl } from "../services/index.js";
import {
  CRM_STORES,
  type Crm,
  type CrmClient,
  cacheStatus,
  SECRET,
  startCrm,
  TENANT_A,
  TENANT_B,
} from "../support/crm.js";

for (const store of CRM_STORES) {
  describe(`lane, ${store} store`, () => {
    let crm: Crm;
    let state: AuthState;
    let nowMs: number | undefined;
    let member: CrmClient;
    let server: Server;
    let url: string;
    let appRequests = 0;
    const limit = { max: 200, windowSeconds: 60, store: new MemoryStore() };

    before(async () => {
      const redis = connectStateRedis(await sharedRedisUrl(), {
        commandTimeoutMs: 5000,
        connectionName: "lane-test",
      });
      assert.ok(await untilConnected(redis));
      state = new AuthState({ redis, keyPrefix: `lane-test:${process.pid}:${Date.now()}:` });
      const authenticator = new Authenticator({
        verify: createTokenVerifier({ secret: SECRET }),
        revocations: state,
        now: () => nowMs ?? Date.now(),
      });
      crm = await startCrm(store, { authenticator, rateLimit: limit });
      member = await crm.client("member", TENANT_A);
      const counted = Object.assign(
        ((req, res) => {
          appRequests += 1;
          crm.app(req, res);
        }) as typeof crm.app,
        { enabled: crm.app.enabled.bind(crm.app) },
      );
      const logger = pino({ level: "silent" });
      server = createServer(
        laneInFront(counted, { cache: crm.cache, authenticator, logger, rateLimit: limit }),
      );
      url = `http://127.0.0.1:${(await listen(server, 0, "127.0.0.1")).port}`;
    });
    after(async () => {
      await drain(server, 1000);
      await crm.close();
      state.redis.disconnect();
    });

    const tokenOf = (jti: string, tenantId = TENANT_A) =>
      issueToken({ secret: SECRET, subject: `user-${jti}`, role: "viewer", tenantId, jti });

    /** Whether the app was asked, and what was answered. */
    async function get(path: string, token: string) {
      const before = appRequests;
      const response = await supertest(url).get(path).set("Authorization", `Bearer ${token}`);
      await crm.cache.idle();
      return { response, byLane: appRequests === before };
    }

    /** Asks until the lane answers: it has to learn the caller and the URL first. */
    async function warm(path: string, token: string) {
      for (let n = 0; n < 10; n++) {
        const { response, byLane } = await get(path, token);
        assert.equal(response.status, 200);
        if (byLane) return response;
      }
      throw new Error(`the lane never answered ${path}`);
    }

    test("its hits are the app's, with the app's headers, and fresh after a change", async () => {
      await member.post("/api/leads", { last_name: "One", company: "X" }).expect(201);
      const token = await tokenOf("t1");
      const first = (await get("/api/leads", token)).response;
      const hit = await warm("/api/leads", token);
      assert.equal(cacheStatus(hit), "hit");
      assert.equal(hit.text, first.text);
      for (const header of [
        "x-request-id",
        "content-security-policy",
        "ratelimit",
        "etag",
        "cache-control",
      ]) {
        assert.equal(typeof hit.headers[header], typeof first.headers[header], header);
      }
      assert.notEqual(hit.headers["x-request-id"], first.headers["x-request-id"]);
      await member.post("/api/leads", { last_name: "Two", company: "X" }).expect(201);
      const { response } = await get("/api/leads", token);
      assert.equal(response.body.pagination.total, 2);
    });

    test("a token that was revoked elsewhere is refused, although this process remembers it", async () => {
      const token = await tokenOf("revoked");
      await warm("/api/accounts", token);
      // Another process: it shares the database, the cache and the persistent Redis, but not what this one remembers.
      const elsewhere = new Authenticator({
        verify: createTokenVerifier({ secret: SECRET }),
        revocations: state,
      });
      const auth = {
        state,
        signing: { secret: SECRET },
        accessTokenSeconds: 900,
        refreshTokenSeconds: 900,
        maxFailures: 10,
      };
      const service = createAuthService({ pool: crm.pool, cache: crm.cache, authenticator: elsewhere }, auth);
      await service.logout(await elsewhere.authenticate(token), false);
      const { response, byLane } = await get("/api/accounts", token);
      assert.deepEqual([response.status, byLane], [401, false]);
      await warm("/api/accounts", await tokenOf("another"));
    });

    test("an expired token, an altered one, another tenant's and none are the app's to answer", async () => {
      const token = await tokenOf("t2");
      await member.post("/api/contacts", { last_name: "Ours" }).expect(201);
      await warm("/api/contacts", token);
      const altered = token.endsWith("A") ? `${token.slice(0, -2)}BB` : `${token.slice(0, -2)}AA`;
      const tampered = await get("/api/contacts", altered);
      assert.deepEqual([tampered.response.status, tampered.byLane], [401, false]);
      const other = await get("/api/contacts", await tokenOf("t3", TENANT_B));
      assert.deepEqual([other.response.body.pagination.total, other.byLane], [0, false]);
      const none = await supertest(url).get("/api/contacts");
      assert.equal(none.status, 401);
      nowMs = Date.now() + 2 * 86_400_000;
      try {
        assert.equal((await get("/api/contacts", token)).byLane, false);
      } finally {
        nowMs = undefined;
      }
    });

    test("its hits count against the same limit", async () => {
      const token = await tokenOf("busy");
      await warm("/api/bizdevsources", token);
      let status = 200;
      let answered = 0;
      for (; answered < 300 && status === 200; answered++) {
        status = (await get("/api/bizdevsources", token)).response.status;
      }
      assert.equal(status, 429);
      assert.ok(answered <= 200, `${answered} were answered`);
    });
  });
}
