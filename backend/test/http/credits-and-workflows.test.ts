// Credits that no update is lost of, definitions of workflows, and lists of leads.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../servers/index.js";
import { connectStateRedis, untilConnected } from "../../state/state-redis.js";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { serversAt } from "../support/servers-at.js";

for (const store of CRM_STORES) {
  describe(`credits, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let member: CrmClient;
    beforeAll(async () => {
      crm = await startCrm(store);
      admin = await crm.client("admin", TENANT_A);
      member = await crm.client("member", TENANT_A);
    });
    afterAll(() => crm.close());

    let count = 0;
    const newUser = async () => {
      const body = { name: "Ada", email: `ada${count++}@a.example` };
      return (await admin.post("/api/users", body).expect(201)).body.data.id as string;
    };
    const balanceOf = async (user: string, type = "sms") =>
      (await member.get(`/api/credits/${user}/${type}`).expect(200)).body.data.balance;

    test("a balance is fresh after each change; kinds are apart", async () => {
      const user = await newUser();
      const path = `/api/credits/${user}/sms`;
      assert.equal(await balanceOf(user), 0);
      const added = await admin.post(`${path}/add`, { amount: 10 }).expect(200);
      assert.deepEqual(added.body.data, { user_id: user, type: "sms", balance: 10 });
      assert.equal(await balanceOf(user), 10);
      await crm.cache.idle();
      await member.post(`${path}/deduct`, { amount: 3 }).expect(200);
      assert.equal(await balanceOf(user), 7);
      assert.equal(await balanceOf(user, "email"), 0);
    });

    test("changes at the same time all count, and nobody spends what is not there", async () => {
      const user = await newUser();
      const path = `/api/credits/${user}/sms`;
      await Promise.all(
        Array.from({ length: 20 }, () => admin.post(`${path}/add`, { amount: 2 }).expect(200)),
      );
      assert.equal(await balanceOf(user), 40);
      const spent = await Promise.all(
        Array.from({ length: 50 }, async () => (await member.post(`${path}/deduct`, { amount: 1 })).status),
      );
      assert.equal(spent.filter((status) => status === 200).length, 40);
      assert.equal(spent.filter((status) => status === 409).length, 10);
      assert.equal(await balanceOf(user), 0);
    });

    test("credits of a user who is being deleted are not added", async () => {
      const user = await newUser();
      const client = await crm.pool.connect();
      try {
        await client.query("BEGIN");
        await client.query("DELETE FROM users WHERE id = $1", [user]);
        const adding = admin.post(`/api/credits/${user}/sms/add`, { amount: 1 });
        const added = adding.then(({ status }) => status);
        const waiting =
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while ((await crm.pool.query(waiting)).rowCount === 0);
        await client.query("COMMIT");
        assert.equal(await added, 404);
      } finally {
        client.release();
      }
    });

    test("a read that was under way during a change is not what the next one gets", async () => {
      const user = await newUser();
      const path = `/api/credits/${user}/sms`;
      for (let n = 1; n <= 10; n++) {
        const [, changed] = await Promise.all([
          member.get(path).expect(200),
          admin.post(`${path}/add`, { amount: 1 }).expect(200),
        ]);
        assert.equal(changed.body.data.balance, n);
        assert.equal(await balanceOf(user), n);
      }
    });

    test("who may, what is refused, and whose they are", async () => {
      const user = await newUser();
      const path = `/api/credits/${user}/sms`;
      await member.post(`${path}/add`, { amount: 1 }).expect(403);
      await (await crm.client("viewer", TENANT_A)).post(`${path}/deduct`, { amount: 1 }).expect(403);
      for (const amount of [0, -1, 0.5, "1", 2e12]) await admin.post(`${path}/add`, { amount }).expect(400);
      await admin.post(`${path}/add`, { amount: 1e12 }).expect(200);
      await admin.post(`${path}/add`, { amount: 1 }).expect(409);
      await member.get(`/api/credits/${user}/gold`).expect(404);
      await admin.post(`/api/credits/${user}/gold/add`, { amount: 1 }).expect(404);
      const other = await crm.client("admin", TENANT_B);
      await other.get(path).expect(404);
      await other.post(`${path}/add`, { amount: 1 }).expect(404);
      await other.post(`${path}/deduct`, { amount: 1 }).expect(404);
      await admin.delete(`/api/users/${user}`).expect(204);
      await admin.get(path).expect(404);
    });
  });

  describe(`workflows and lists of leads, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    beforeAll(async () => {
      crm = await startCrm(store);
      admin = await crm.client("admin", TENANT_A);
    });
    afterAll(() => crm.close());

    const create = async (path: string, body: object): Promise<string> =>
      (await admin.post(path, body).expect(201)).body.data.id;

    test("a definition is fresh after a change, and gone with its workflow", async () => {
      const step = (action: string) => ({ steps: [{ action, subject: null, wait_hours: null }] });
      const workflow = { name: "Welcome", trigger: "lead_created" };
      const id = await create("/api/workflows", { ...workflow, definition: step("notify") });
      const path = `/api/workflows/${id}/definition`;
      const first = (await admin.get(path).expect(200)).body.data;
      assert.deepEqual(first, {
        id,
        trigger: "lead_created",
        is_active: true,
        definition: step("notify"),
      });
      await crm.cache.idle();
      const changed = { ...workflow, is_active: false, definition: step("create_task") };
      await admin.put(`/api/workflows/${id}`, changed).expect(200);
      const next = (await admin.get(path).expect(200)).body.data;
      assert.deepEqual([next.is_active, next.definition], [false, step("create_task")]);
      await (await crm.client("admin", TENANT_B)).get(path).expect(404);
      await crm.cache.idle();
      await admin.delete(`/api/workflows/${id}`).expect(204);
      await admin.get(path).expect(404);
    });

    test("a list has the leads that its filter names, now", async () => {
      const list = await create("/api/leadlists", { name: "Hot", rating: "hot", min_score: 50 });
      const path = `/api/leadlists/${list}/leads`;
      const names = async () => {
        const { data } = (await admin.get(path).expect(200)).body;
        await crm.cache.idle();
        return data.map((lead: { last_name: string }) => lead.last_name);
      };
      const lead = (last_name: string, fields: object) =>
        create("/api/leads", { last_name, company: "X", rating: "hot", ...fields });
      assert.deepEqual(await names(), []);
      const top = await lead("Top", { score: 90 });
      const good = await lead("Good", { score: 60 });
      await lead("Low", { score: 10 });
      await lead("Cold", { score: 99, rating: "cold" });
      assert.deepEqual(await names(), ["Top", "Good"]);
      await admin
        .put(`/api/leads/${good}`, { last_name: "Better", company: "X", rating: "hot", score: 95 })
        .expect(200);
      assert.deepEqual(await names(), ["Better", "Top"]);
      await admin.post(`/api/leads/${top}/convert`).expect(201);
      assert.deepEqual(await names(), ["Better"]);
      await admin.put(`/api/leadlists/${list}`, { name: "Cold", rating: "cold" }).expect(200);
      assert.deepEqual(await names(), ["Cold"]);
      await (await crm.client("admin", TENANT_B)).get(path).expect(404);
      await admin.delete(`/api/leadlists/${list}`).expect(204);
      await admin.get(path).expect(404);
    });
  });
}

describe("the limit of one endpoint for one user", () => {
  test("is counted in the persistent Redis, for each user and endpoint apart", async () => {
    const redis = connectStateRedis(serversAt(await sharedRedisUrl()), {
      commandTimeoutMs: 30_000,
      connectionName: "limit-test",
    });
    while (!(await untilConnected(redis)));
    const keyPrefix = `limit-test:${process.pid}:${Date.now()}:`;
    const crm = await startCrm("memory", { state: { redis, keyPrefix } });
    try {
      const [admin, member] = [await crm.client("admin", TENANT_A), await crm.client("member", TENANT_A)];
      const user = (await admin.post("/api/users", { name: "A", email: "a@a.example" }).expect(201)).body.data
        .id;
      const path = `/api/credits/${user}/sms`;
      await admin.post(`${path}/add`, { amount: 1000 }).expect(200);
      let passed = 0;
      let status = 200;
      const counted = `${keyPrefix}state:tenant:${TENANT_A}:rate:member%40test:credits-deduct`;
      for (; passed < 1000 && status === 200; passed++) {
        status = (await member.post(`${path}/deduct`, { amount: 1 })).status;
        // A busy machine takes longer than the minute of the window, which stays open while this counts.
        if (passed === 0) assert.equal(await redis.pexpire(counted, 3_600_000), 1);
      }
      assert.equal(status, 429);
      assert.equal(passed - 1, 120);
      await admin.post(`${path}/deduct`, { amount: 1 }).expect(200);
      const keys = await redis.keys(`${keyPrefix}*deduct`);
      assert.deepEqual(keys.sort(), [
        `${keyPrefix}state:tenant:${TENANT_A}:rate:admin%40test:credits-deduct`,
        counted,
      ]);
    } finally {
      await crm.close();
      redis.disconnect();
    }
  });
});
