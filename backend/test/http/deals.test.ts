// Deals, pipelines, months and profiles: fresh after every change that they show, and the tenant's own.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { uncachedReader } from "../support/uncached-reader.js";

const MONTH = new Date().toISOString().slice(0, 7);

for (const store of CRM_STORES) {
  describe(`deals, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let truth: (path: string) => Promise<unknown>;
    let ids: Record<"one" | "two" | "user", string>;
    let paths: Record<string, string>;

    beforeAll(async () => {
      crm = await startCrm(store);
      admin = await crm.client("admin", TENANT_A);
      truth = await uncachedReader(crm, TENANT_A);
      ids = {
        one: await create("accounts", { name: "Brightwater" }),
        two: await create("accounts", { name: "Northfield" }),
        user: await create("users", { name: "Ada Brandt", email: "ada@a.example" }),
      };
      paths = {
        deals1: `/api/deals/company/${ids.one}`,
        deals2: `/api/deals/company/${ids.two}`,
        pipeline1: `/api/pipeline/stats/${ids.one}`,
        pipeline2: `/api/pipeline/stats/${ids.two}`,
        profile1: `/api/companies/${ids.one}/profile`,
        profile2: `/api/companies/${ids.two}/profile`,
        contacts1: `/api/companies/${ids.one}/contacts`,
        user: `/api/users/${ids.user}/profile`,
        created: `/api/analytics/monthly/${MONTH}`,
        march: "/api/analytics/monthly/2031-03",
        april: "/api/analytics/monthly/2031-04",
      };
    });
    afterAll(() => crm.close());

    async function create(module: string, body: object): Promise<string> {
      return (await admin.post(`/api/${module}`, body).expect(201)).body.data.id;
    }

    async function readAll(): Promise<Record<string, string>> {
      const answers: Record<string, string> = {};
      for (const [name, path] of Object.entries(paths)) {
        answers[name] = JSON.stringify((await admin.get(path).expect(200)).body);
      }
      await crm.cache.idle();
      return answers;
    }

    /** Every answer agrees with the database, and exactly these differ from before. */
    async function changes(names: readonly string[], change: () => Promise<unknown>): Promise<void> {
      const before = await readAll();
      await change();
      const afterwards = await readAll();
      for (const [name, path] of Object.entries(paths)) {
        assert.equal(afterwards[name], JSON.stringify(await truth(path)), name);
      }
      const changed = Object.keys(paths).filter((name) => before[name] !== afterwards[name]);
      assert.deepEqual(changed.sort(), [...names].sort());
    }

    test("a deal that is made, moved, won, and deleted", async () => {
      const deal = { name: "Rollout", amount: 1000.5, probability: 50, stage: "proposal" };
      let id = "";
      await changes(["deals1", "pipeline1", "profile1", "created"], async () => {
        id = await create("opportunities", { ...deal, account_id: ids.one, close_date: "2031-03-15" });
      });
      const { data: pipeline } = (await admin.get(paths.pipeline1 ?? "").expect(200)).body;
      assert.deepEqual(pipeline.stages, [
        { stage: "proposal", count: 1, amount: 1000.5, weighted_amount: 500.25 },
      ]);
      await changes(["deals1", "deals2", "pipeline1", "pipeline2", "profile1", "profile2"], () =>
        admin
          .put(`/api/opportunities/${id}`, { ...deal, account_id: ids.two, close_date: "2031-03-15" })
          .expect(200),
      );
      await changes(["deals2", "pipeline2", "profile2", "march"], () =>
        admin
          .put(`/api/opportunities/${id}`, {
            ...deal,
            account_id: ids.two,
            stage: "closed_won",
            close_date: "2031-03-31",
          })
          .expect(200),
      );
      const { data: march } = (await admin.get(paths.march ?? "").expect(200)).body;
      assert.deepEqual(march.won, { count: 1, amount: 1000.5 });
      assert.equal(march.win_rate, 1);
      await changes(["deals2", "march", "april"], () =>
        admin
          .put(`/api/opportunities/${id}`, {
            ...deal,
            account_id: ids.two,
            stage: "closed_won",
            close_date: "2031-04-01",
          })
          .expect(200),
      );
      await changes(["deals2", "pipeline2", "created", "april"], () =>
        admin.delete(`/api/opportunities/${id}`).expect(204),
      );
    });

    test("a company that is renamed shows its name; one that is deleted shows nothing", async () => {
      const company = await create("accounts", { name: "Before" });
      await create("opportunities", { name: "X", account_id: company });
      const path = `/api/deals/company/${company}`;
      const profile = `/api/companies/${company}/profile`;
      assert.equal((await admin.get(path).expect(200)).body.data[0].account_name, "Before");
      assert.equal((await admin.get(profile).expect(200)).body.data.open_deals.count, 1);
      await crm.cache.idle();
      await admin.put(`/api/accounts/${company}`, { name: "After" }).expect(200);
      assert.equal((await admin.get(path).expect(200)).body.data[0].account_name, "After");
      assert.equal((await admin.get(profile).expect(200)).body.data.name, "After");
      await crm.cache.idle();
      await admin.delete(`/api/accounts/${company}`).expect(204);
      for (const gone of [
        path,
        profile,
        `/api/pipeline/stats/${company}`,
        `/api/companies/${company}/contacts`,
      ]) {
        await admin.get(gone).expect(404);
      }
    });

    test("contacts of a company, also those that a conversion makes", async () => {
      let contact = "";
      await changes(["contacts1"], async () => {
        contact = await create("contacts", { last_name: "Weber", account_id: ids.one });
      });
      const lead = await create("leads", { last_name: "Garcia", company: "Brightwater" });
      await changes(["contacts1"], () =>
        admin.post(`/api/leads/${lead}/convert`, { account_id: ids.one }).expect(201),
      );
      await changes(["contacts1"], () => admin.delete(`/api/contacts/${contact}`).expect(204));
    });

    test("a user's card", async () => {
      await changes(["user"], () =>
        admin.put(`/api/users/${ids.user}`, { name: "Ada Lang", email: "ada@a.example" }).expect(200),
      );
      await admin
        .put(`/api/users/${ids.user}`, { name: "Ada Lang", email: "ada@a.example", is_active: false })
        .expect(200);
      await admin.get(paths.user ?? "").expect(404);
      await admin
        .put(`/api/users/${ids.user}`, { name: "Ada Brandt", email: "ada@a.example", is_active: true })
        .expect(200);
    });

    test("second reads ask the database nothing", async () => {
      const first = await readAll();
      const uses = crm.databaseUses();
      assert.deepEqual(await readAll(), first);
      assert.equal(crm.databaseUses(), uses);
    });

    test("another tenant sees nothing of it", async () => {
      await readAll();
      const other = await crm.client("admin", TENANT_B);
      for (const [name, path] of Object.entries(paths)) {
        const { status, body } = await other.get(path);
        if (path.includes("monthly")) assert.deepEqual([body.data.opened.count, body.data.won.count], [0, 0]);
        else assert.equal(status, 404, name);
      }
    });

    test("what is no id, no month, or not allowed", async () => {
      await admin.get("/api/deals/company/1").expect(404);
      await admin.get("/api/analytics/monthly/2026-13").expect(404);
      await admin.get(`/api/deals/company/${ids.one}?all=1`).expect(400);
      await crm.withAuthorization().get(`/api/deals/company/${ids.one}`).expect(401);
    });
  });
}
