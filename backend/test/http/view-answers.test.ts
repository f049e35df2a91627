// What answers say of the cache: views like lists, in their headers and in the access log; and that counts have a TTL of their own.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { pino } from "pino";
import { until } from "../../servers/until.js";
import { CRM_STORES, type Crm, type CrmClient, cacheStatus, startCrm, TENANT_A } from "../support/crm.js";
import { isLeftOf, TEST_TTLS } from "../support/test-ttls.js";

type Line = Readonly<Record<string, unknown>>;

for (const store of CRM_STORES) {
  describe(`what answers say of the cache, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let userId: string;
    const lines: Line[] = [];

    beforeAll(async () => {
      const stream = new Writable({
        write(chunk, _encoding, done) {
          for (const text of String(chunk).trim().split("\n")) lines.push(JSON.parse(text) as Line);
          done();
        },
      });
      crm = await startCrm(store, { logger: pino({ level: "info" }, stream) });
      admin = await crm.client("admin", TENANT_A);
      const user = { name: "Ada", email: "ada@a.example", role: "member" };
      const { body } = await admin.post("/api/users", user).expect(201);
      userId = body.data.id;
    });
    afterAll(() => crm.close());

    async function lineOf(requestId: string | undefined): Promise<Line> {
      const find = () => lines.find((line) => line.requestId === requestId);
      await until("the request is in the log", () => find() !== undefined);
      return find() ?? {};
    }

    test("a view says hit or miss, its age, and what it is", async () => {
      const path = `/api/users/${userId}`;
      const first = await admin.get(path).expect(200);
      assert.deepEqual([cacheStatus(first), first.headers.age], ["fwd=miss; stored", undefined]);
      await crm.cache.idle();
      const uses = crm.databaseUses();
      const second = await admin.get(path).expect(200);
      assert.match(second.headers["cache-status"] ?? "", /^express-tenant-cache; hit; ttl=3[56]\d\d$/);
      assert.match(second.headers.age ?? "", /^\d+$/);
      assert.match(first.headers.etag ?? "", /^"[\w-]{27}"$/);
      assert.equal(second.headers.etag, first.headers.etag);
      assert.deepEqual(second.body, first.body);
      assert.equal(crm.databaseUses(), uses);
      const none = await admin.get("/api/users/99999999-0000-4000-8000-000000000009").expect(404);
      assert.equal(cacheStatus(none), "fwd=miss; detail=ttl-zero");
    });

    test("conditions: 304 while nothing has changed, 200 after a change", async () => {
      const path = `/api/users/${userId}`;
      const { etag = "" } = (await admin.get(path).expect(200)).headers;
      for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
        const same = await admin.get(path).set("If-None-Match", tags).expect(304);
        assert.deepEqual([same.text, same.headers.etag, cacheStatus(same)], ["", etag, "hit"], tags);
      }
      await admin.get(path).set("If-None-Match", '"other"').expect(200);
      const renamed = { name: "Ada Lovelace", email: "ada@a.example", role: "member" };
      await admin.put(path, renamed).expect(200);
      const changed = await admin.get(path).set("If-None-Match", etag).expect(200);
      assert.notEqual(changed.headers.etag, etag);
      assert.equal(changed.body.data.name, "Ada Lovelace");
    });

    test("the access log has tenant, module and cache result, of views, lists and hits in front of the app", async () => {
      const expected: readonly (readonly [path: string, module: string, cache: RegExp])[] = [
        ["/api/technicians", "users", /fwd=miss; stored$/],
        ["/api/technicians", "users", /hit; ttl=/],
        ["/api/accounts", "accounts", /fwd=miss; stored$/],
        ["/api/accounts", "accounts", /hit; ttl=/],
        ["/api/accounts", "accounts", /hit; ttl=/],
      ];
      for (const [path, module, cache] of expected) {
        const { headers } = await admin.get(path).expect(200);
        await crm.cache.idle();
        const line = await lineOf(headers["x-request-id"]);
        assert.deepEqual([line.tenant, line.module], [TENANT_A, module], path);
        assert.match(String(line.cache), cache);
      }
      const created = await admin.post("/api/accounts", { name: "A" }).expect(201);
      const line = await lineOf(created.headers["x-request-id"]);
      assert.deepEqual([line.tenant, line.module, line.cache], [TENANT_A, "accounts", undefined]);
      const anonymous = await crm.withAuthorization().get("/api/accounts").expect(401);
      assert.equal((await lineOf(anonymous.headers["x-request-id"])).tenant, undefined);
    });

    test("counts have a TTL of their own", async () => {
      const ttlOf = async (path: string) => {
        await admin.get(path).expect(200);
        await crm.cache.idle();
        const { headers } = await admin.get(path).expect(200);
        return Number(/; hit; ttl=(\d+)$/.exec(headers["cache-status"] ?? "")?.[1]);
      };
      const [count, list] = [await ttlOf("/api/leads/count"), await ttlOf("/api/leads")];
      assert.ok(isLeftOf(TEST_TTLS.count, count), String(count));
      assert.ok(isLeftOf(TEST_TTLS.list, list), String(list));
    });
  });
}
