// The edges of HTTP: methods, types, sizes, ids, limits, health, and what errors say.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Pool } from "pg";
import { pino } from "pino";
import { redisRateLimitStore } from "../../http/redis-rate-limit-store.js";
import { startRedisServer } from "../../servers/index.js";
import { type Crm, type CrmClient, startCrm, TENANT_A } from "../support/crm.js";
import { serversAt } from "../support/servers-at.js";

describe("problems", () => {
  let crm: Crm;
  let member: CrmClient;
  beforeAll(async () => {
    crm = await startCrm();
    member = await crm.client("member", TENANT_A);
  });
  afterAll(() => crm.close());

  test("unknown routes are 404, for the signed-in only", async () => {
    const problem = await member.get("/api/nothing?x=1").expect(404);
    assert.deepEqual(problem.body, {
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "There is no /api/nothing.",
      instance: "/api/nothing",
    });
    await crm.withAuthorization().get("/api/nothing").expect(401);
    await crm.withAuthorization().get("/").expect(404);
  });

  test("methods that are not offered are 405 with Allow, OPTIONS lists them", async () => {
    const collection = await member.delete("/api/accounts").expect(405);
    assert.equal(collection.headers.allow, "GET, HEAD, POST");
    assert.equal(collection.body.title, "Method Not Allowed");
    const record = await member.post("/api/accounts/7", {}).expect(405);
    assert.equal(record.headers.allow, "GET, HEAD, PUT, DELETE");
    const convert = await member.get("/api/leads/7/convert").expect(405);
    assert.equal(convert.headers.allow, "POST");
    const health = await member.post("/api/system/health").expect(405);
    assert.equal(health.headers.allow, "GET, HEAD");
    for (const [path, allow] of [
      ["/api/accounts", "GET, HEAD, POST"],
      ["/api/accounts/7", "GET, HEAD, PUT, DELETE"],
      ["/api/leads/7/convert", "POST"],
      ["/api/system/health", "GET, HEAD"],
    ] as const) {
      const listed = await member.options(path).expect(204);
      assert.deepEqual([listed.headers.allow, listed.text], [allow, ""], path);
    }
    await member.options("/api/nothing").expect(404);
  });

  const send = (body: string, headers: Record<string, string>) => {
    const test = member.post("/api/accounts");
    for (const [name, value] of Object.entries(headers)) test.set(name, value);
    return test.serialize((text: string) => text).send(body);
  };

  test("bodies: malformed is 400, too large is 413, another type is 415", async () => {
    const json = { "Content-Type": "application/json" };
    const malformed = await send('{"name": "x"', json).expect(400);
    assert.equal(malformed.body.detail, "The body is not valid JSON.");
    await send('"a string"', json).expect(400);
    await send("[]", json).expect(400);
    await send("null", json).expect(400);
    const large = await send(JSON.stringify({ name: "x".repeat(110_000) }), json).expect(413);
    assert.equal(large.body.status, 413);
    await send("name=x", { "Content-Type": "application/x-www-form-urlencoded" }).expect(415);
    await send("{}", { "Content-Type": "text/plain" }).expect(415);
    await send("{}", { ...json, "Content-Encoding": "rot13" }).expect(415);
    await send("{}", { "Content-Type": "application/json; charset=klingon" }).expect(415);
    const missing = await member.post("/api/accounts").expect(400);
    assert.equal(missing.body.errors[0].pointer, "#/name");
  });

  test("a path that cannot be decoded is a problem too", async () => {
    const problem = await member.get("/api/accounts/%ZZ").expect(400);
    assert.equal(problem.body.title, "Bad Request");
  });

  test("request ids: a usable one is kept, another one is replaced", async () => {
    const kept = await member.get("/api/accounts").set("X-Request-Id", "trace-7:a/b").expect(200);
    assert.equal(kept.headers["x-request-id"], "trace-7:a/b");
    const replaced = await member.get("/api/accounts").set("X-Request-Id", "a b\tc").expect(200);
    assert.match(replaced.headers["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
    const long = await member.get("/api/accounts").set("X-Request-Id", "x".repeat(129)).expect(200);
    assert.match(long.headers["x-request-id"] ?? "", /^[0-9a-f-]{36}$/);
    // Of hits, too: an id belongs to its request.
    assert.match(long.headers["cache-status"] ?? "", /hit/);
  });

  test("security headers are on every response", async () => {
    const response = await crm.withAuthorization().get("/api/accounts").expect(401);
    assert.equal(response.headers["x-content-type-options"], "nosniff");
    assert.equal(response.headers["x-powered-by"], undefined);
  });
});

describe("errors of the server", () => {
  test("a database that is away: 503 without internals, not ready, but alive", async () => {
    const away = new Pool({ connectionString: "postgres://nobody:secret-password@127.0.0.1:1/none" });
    const crm = await startCrm("memory", { pool: away });
    try {
      const member = await crm.client("member", TENANT_A);
      const problem = await member.get("/api/accounts").expect(503);
      assert.doesNotMatch(problem.text, /ECONNREFUSED|secret-password|127\.0\.0\.1/);
      assert.equal(problem.headers["retry-after"], "1");
      const anybody = crm.withAuthorization();
      const ready = await anybody.get("/api/system/health/ready").expect(503);
      assert.equal(ready.body.checks.database.status, "unavailable");
      await anybody.get("/api/system/health/live").expect(200);
    } finally {
      await crm.close();
      await away.end();
    }
  });

  test("a database that is away, or takes no changes: one line for all requests that meet it, and health says so", async () => {
    const lines: string[] = [];
    const logger = pino(
      { level: "warn" },
      { write: (line: string) => void lines.push(JSON.parse(line).msg) },
    );
    const plain = await startCrm("memory");
    // As a standby is, or a server whose host has found its disk nearly full.
    const readOnly = new Pool({
      connectionString: plain.databaseUrl,
      options: "-c default_transaction_read_only=on",
    });
    const crm = await startCrm("memory", { pool: readOnly, logger });
    const away = new Pool({ connectionString: "postgres://nobody@127.0.0.1:1/none" });
    const other = await startCrm("memory", { pool: away, logger });
    try {
      const anybody = crm.withAuthorization();
      assert.equal((await anybody.get("/api/system/health/ready").expect(200)).body.status, "ok");
      const member = await crm.client("member", TENANT_A);
      for (let time = 0; time < 3; time++) {
        const refused = await member.post("/api/accounts", { name: "Nowhere to write it" }).expect(503);
        assert.equal(refused.headers["retry-after"], "30");
        assert.match(refused.body.detail, /takes no changes now, and reading goes on/);
        await member.get("/api/accounts").expect(200);
      }
      const { body } = await anybody.get("/api/system/health/ready").expect(200);
      assert.equal(body.status, "degraded");
      assert.equal(body.checks.database.status, "no-writes");
      assert.match(body.checks.database.reason, /read-only transaction/);
      assert.equal((await anybody.get("/health").expect(200)).body.database.status, "no-writes");
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? "", /^database: takes no changes \(.*read-only transaction\)/);

      const reader = await other.client("member", TENANT_A);
      for (let time = 0; time < 3; time++) await reader.get("/api/accounts").expect(503);
      assert.equal(lines.length, 2);
      assert.match(lines[1] ?? "", /^database: does not answer \(.*ECONNREFUSED/);
    } finally {
      await Promise.all([other.close(), crm.close()]);
      await Promise.all([away.end(), readOnly.end(), plain.close()]);
    }
  });

  test("anything unexpected: 500 that says nothing, and one log line that says all", async () => {
    const lines: string[] = [];
    const logger = pino({ level: "error" }, { write: (line: string) => void lines.push(line) });
    const broken = Object.assign(new Pool(), {
      connect: () => Promise.reject(new Error("the secret reason")),
    });
    const crm = await startCrm("memory", { pool: broken, logger });
    try {
      const member = await crm.client("member", TENANT_A);
      const problem = await member.get("/api/accounts").set("X-Request-Id", "find-me").expect(500);
      assert.deepEqual(problem.body, {
        type: "about:blank",
        title: "Internal Server Error",
        status: 500,
        instance: "/api/accounts",
      });
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? "", /"requestId":"find-me".*the secret reason/);
    } finally {
      await crm.close();
    }
  });
});

describe("health", () => {
  test("ready and alive without a token, nothing of it is stored; draining is not ready", async () => {
    const lifecycle = { draining: false };
    const crm = await startCrm("memory", { lifecycle });
    try {
      const anybody = crm.withAuthorization();
      for (const path of ["/api/system/health", "/api/system/health/ready", "/api/system/health/live"]) {
        const response = await anybody.get(path).expect(200);
        assert.equal(response.body.status, "ok");
        assert.equal(response.headers["cache-control"], "no-store");
      }
      lifecycle.draining = true;
      const draining = await anybody.get("/api/system/health/ready").expect(503);
      assert.equal(draining.body.checks.process.status, "draining");
      await anybody.get("/api/system/health/live").expect(200);
    } finally {
      await crm.close();
    }
  });
});

describe("rate limit", () => {
  test("whatever stands in X-Forwarded-For and is no address is one client", async () => {
    const crm = await startCrm("memory", {
      rateLimit: { max: 3, windowSeconds: 600 },
      trustProxy: "loopback",
    });
    const statuses: number[] = [];
    for (const address of ["one", "two", "x".repeat(5000), "three", "192.0.2.1"]) {
      const request = crm.withAuthorization().get("/api/accounts").set("X-Forwarded-For", address);
      statuses.push((await request).status);
    }
    await crm.close();
    assert.deepEqual(statuses, [401, 401, 401, 429, 401]);
  });

  test("counts each subject for itself, and those without a token by address", async () => {
    const crm = await startCrm("memory", { rateLimit: { max: 3, windowSeconds: 60 } });
    try {
      const viewer = await crm.client("viewer", TENANT_A);
      const admin = await crm.client("admin", TENANT_A);
      for (let n = 0; n < 3; n++) await viewer.get("/api/accounts").expect(200);
      const refused = await viewer.get("/api/accounts").expect(429);
      assert.equal(refused.body.title, "Too Many Requests");
      assert.ok(Number(refused.headers["retry-after"]) > 0);
      await admin.get("/api/accounts").expect(200);
      const nobody = crm.withAuthorization("Bearer wrong");
      for (let n = 0; n < 3; n++) await nobody.get("/api/accounts").expect(401);
      await nobody.get("/api/accounts").expect(429);
      await nobody.get("/api/system/health/live").expect(200);
    } finally {
      await crm.close();
    }
  });

  test("in Redis: shared, and requests pass while it hangs or is gone", async () => {
    const redis = await startRedisServer();
    const limit = redisRateLimitStore(serversAt(redis.url), "test:", pino({ level: "silent" }));
    const crm = await startCrm("memory", { rateLimit: { max: 2, windowSeconds: 60, store: limit.store } });
    try {
      const viewer = await crm.client("viewer", TENANT_A);
      // Requests that come before the connection is up pass uncounted.
      let status = 200;
      for (let n = 0; n < 100 && status === 200; n++) status = (await viewer.get("/api/accounts")).status;
      assert.equal(status, 429);

      await redis.pause();
      // Answered by whoever does not wait for a Redis that does not answer.
      await viewer.get("/api/accounts").expect(200);
      await redis.resume();
      await redis.kill();
      await viewer.get("/api/accounts").expect(200);
    } finally {
      limit.close();
      await crm.close();
      await redis.stop();
    }
  });
});
