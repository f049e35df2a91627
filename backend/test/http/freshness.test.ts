// The cache on the CRM's routes: second reads are hits, no read after a mutation is old, other tenants keep their entries.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import {
  CRM_STORES,
  type Crm,
  type CrmClient,
  cacheStatus,
  startCrm,
  TENANT_A,
  TENANT_B,
} from "../support/crm.js";
import { SAMPLE_MODULES } from "../support/records.js";
import { isLeftOf, TEST_TTLS } from "../support/test-ttls.js";

type ModuleName = (typeof SAMPLE_MODULES)[number]["name"];
const MODULES = SAMPLE_MODULES.map(({ name }) => name);

for (const store of CRM_STORES) {
  describe(`freshness, ${store} store`, () => {
    let crm: Crm;
    let member: CrmClient;
    let other: CrmClient;
    beforeAll(async () => {
      crm = await startCrm(store);
      member = await crm.client("member", TENANT_A);
      other = await crm.client("member", TENANT_B);
    });
    afterAll(() => crm.close());

    const listOf = (module: ModuleName) => `/api/${module}?limit=200`;

    /** Reads every list twice, as both tenants, so that all are hits. */
    async function fillAll(): Promise<void> {
      for (const client of [member, other]) {
        for (const module of MODULES) {
          await client.get(listOf(module)).expect(200);
          await crm.cache.idle();
          assert.equal(cacheStatus(await client.get(listOf(module))), "hit", module);
        }
      }
    }

    /** After the mutation: lists of what it touched come from the database and agree with it, all others are still hits. */
    async function assertTouched(touched: readonly ModuleName[]): Promise<void> {
      for (const module of MODULES) {
        const uses = crm.databaseUses();
        const list = await member.get(listOf(module)).expect(200);
        const isTouched = touched.includes(module);
        assert.equal(cacheStatus(list).split(";")[0], isTouched ? "fwd=miss" : "hit", module);
        assert.equal(crm.databaseUses() - uses, isTouched ? 1 : 0, module);
        const { rows } = await crm.pool.query(
          `SELECT id FROM ${module} WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC`,
          [TENANT_A],
        );
        assert.deepEqual(
          list.body.data.map((record: { id: string }) => record.id),
          rows.map(({ id }) => id),
          module,
        );
        assert.equal(cacheStatus(await other.get(listOf(module))), "hit", `${module} of the other tenant`);
      }
    }

    async function create(module: ModuleName, fields: object = {}): Promise<string> {
      const sample = SAMPLE_MODULES.find(({ name }) => name === module);
      const n = Math.floor(Math.random() * 1e9);
      return (await member.post(`/api/${module}`, { ...sample?.document(n), ...fields }).expect(201)).body
        .data.id;
    }

    test("lists, counts, records and searches are hits the second time, byte for byte", async () => {
      const id = await create("contacts");
      for (const path of [
        "/api/contacts",
        "/api/contacts/count",
        `/api/contacts/${id}`,
        "/api/contacts/search?q=jon",
      ]) {
        const first = await member.get(path).expect(200);
        assert.equal(cacheStatus(first), "fwd=miss; stored", path);
        await crm.cache.idle();
        const uses = crm.databaseUses();
        const second = await member.get(path).expect(200);
        assert.equal(cacheStatus(second), "hit", path);
        assert.equal(crm.databaseUses(), uses, path);
        assert.equal(second.text, first.text);
        assert.equal(second.headers["content-type"], first.headers["content-type"]);
        assert.notEqual(second.headers["x-request-id"], first.headers["x-request-id"]);
        await member
          .get(path)
          .set("If-None-Match", first.headers.etag ?? "")
          .expect(304);
      }
      assert.equal(
        cacheStatus(await member.get(`/api/accounts/${id}`).expect(404)),
        "fwd=miss; detail=status",
      );
    });

    test("the TTLs are those of the policy", async () => {
      const id = await create("accounts");
      const ttl = async (path: string) => {
        await member.get(path).expect(200);
        await crm.cache.idle();
        return Number(/ttl=(\d+)/.exec((await member.get(path)).headers["cache-status"] ?? "")?.[1]);
      };
      const [list, detail] = [await ttl("/api/accounts?limit=7"), await ttl(`/api/accounts/${id}`)];
      assert.ok(isLeftOf(TEST_TTLS.list, list), String(list));
      assert.ok(isLeftOf(TEST_TTLS.detail, detail), String(detail));
    });

    // What shows what: contacts, opportunities, activities, documents and orders show their account's name, activities their contact's,
    // documents their opportunity's; leads, sources and activities hold ids of what may be deleted.
    const SHOWING_ACCOUNTS = ["contacts", "opportunities", "activities", "documents", "orders"] as const;
    const TOUCHED: Readonly<
      Record<ModuleName, Readonly<Record<"create" | "update" | "delete", readonly ModuleName[]>>>
    > = {
      accounts: {
        create: ["accounts", ...SHOWING_ACCOUNTS],
        update: ["accounts", ...SHOWING_ACCOUNTS],
        delete: ["accounts", ...SHOWING_ACCOUNTS, "leads", "bizdevsources"],
      },
      leads: { create: ["leads"], update: ["leads"], delete: ["leads", "activities"] },
      contacts: {
        create: ["contacts", "activities"],
        update: ["contacts", "activities"],
        delete: ["contacts", "activities", "leads"],
      },
      bizdevsources: { create: ["bizdevsources"], update: ["bizdevsources"], delete: ["bizdevsources"] },
      opportunities: {
        create: ["opportunities", "documents"],
        update: ["opportunities", "documents"],
        delete: ["opportunities", "documents", "activities"],
      },
      activities: { create: ["activities"], update: ["activities"], delete: ["activities"] },
      workflows: { create: ["workflows"], update: ["workflows"], delete: ["workflows"] },
      leadlists: { create: ["leadlists"], update: ["leadlists"], delete: ["leadlists"] },
      documents: { create: ["documents"], update: ["documents"], delete: ["documents"] },
      orders: { create: ["orders"], update: ["orders"], delete: ["orders"] },
    };

    for (const { name, document, change, invalid } of SAMPLE_MODULES) {
      test(`${name}: creating, replacing and deleting make the next lists fresh`, async () => {
        await fillAll();
        const id = await create(name);
        await assertTouched(TOUCHED[name].create);

        await member.get(`/api/${name}/${id}`).expect(200);
        await fillAll();
        await member
          .put(`/api/${name}/${id}`, { ...document(1), ...change, description: "changed" })
          .expect(200);
        assert.equal((await member.get(`/api/${name}/${id}`).expect(200)).body.data.description, "changed");
        await assertTouched(TOUCHED[name].update);

        await fillAll();
        await member.delete(`/api/${name}/${id}`).expect(204);
        await member.get(`/api/${name}/${id}`).expect(404);
        await assertTouched(TOUCHED[name].delete);
      });

      test(`${name}: what is refused invalidates nothing`, async () => {
        await fillAll();
        await member.post(`/api/${name}`, invalid.body).expect(400);
        await member.delete(`/api/${name}/aaaaaaaa-0000-4000-8000-00000000dead`).expect(404);
        await (await crm.client("viewer", TENANT_A)).post(`/api/${name}`, document(2)).expect(403);
        await assertTouched([]);
      });
    }

    test("converting and promoting make all they touch fresh", async () => {
      const lead = await create("leads", { email: null });
      const source = await create("bizdevsources");
      await fillAll();
      await member.post(`/api/leads/${lead}/convert`, { create_account: true }).expect(201);
      await assertTouched(["leads", "accounts", ...SHOWING_ACCOUNTS]);
      await fillAll();
      await member.post(`/api/leads/${lead}/convert`).expect(409);
      await assertTouched([]);
      await member.post(`/api/bizdevsources/${source}/promote`).expect(201);
      await assertTouched(["bizdevsources", "accounts", ...SHOWING_ACCOUNTS]);
    });

    test("a renamed account shows in contacts, their search and their records", async () => {
      const account = await create("accounts", { name: "Before" });
      const contact = await create("contacts", { account_id: account, last_name: "Renamed" });
      const paths = [`/api/contacts/${contact}`, "/api/contacts/search?q=renamed", "/api/contacts?q=renamed"];
      const names = async () =>
        await Promise.all(
          paths.map(async (path) => {
            const { data } = (await member.get(path).expect(200)).body;
            return (Array.isArray(data) ? data[0] : data).account_name;
          }),
        );
      assert.deepEqual(await names(), ["Before", "Before", "Before"]);
      await crm.cache.idle();
      await member.put(`/api/accounts/${account}`, { name: "After" }).expect(200);
      assert.deepEqual(await names(), ["After", "After", "After"]);
    });

    test("whatever is shown of another record is fresh after a change of that one, and gone with it", async () => {
      const account = await create("accounts", { name: "Before" });
      const contact = await create("contacts", { first_name: "Ann", last_name: "Before" });
      const lead = await create("leads");
      const opportunity = await create("opportunities", { name: "Before", account_id: account });
      const links = { account_id: account, opportunity_id: opportunity };
      const activity = await create("activities", { ...links, contact_id: contact, lead_id: lead });
      const document = await create("documents", links);
      const shown = async () => {
        const read = async (path: string) => (await member.get(`/api/${path}`).expect(200)).body.data;
        const [o, a, d] = [
          await read(`opportunities/${opportunity}`),
          await read(`activities/${activity}`),
          await read(`documents/${document}`),
        ];
        await crm.cache.idle();
        return [
          o.account_name,
          a.account_name,
          a.contact_name,
          d.account_name,
          d.opportunity_name,
          a.lead_id !== null,
          a.opportunity_id !== null,
        ];
      };
      const whole = ["Before", "Before", "Ann Before", "Before", "Before", true, true];
      assert.deepEqual(await shown(), whole);
      assert.deepEqual(await shown(), whole);
      await member.put(`/api/accounts/${account}`, { name: "After" }).expect(200);
      await member.put(`/api/contacts/${contact}`, { last_name: "After" }).expect(200);
      await member.delete(`/api/leads/${lead}`).expect(204);
      assert.deepEqual(await shown(), ["After", "After", "After", "After", "Before", false, true]);
      await member.delete(`/api/opportunities/${opportunity}`).expect(204);
      await member.delete(`/api/accounts/${account}`).expect(204);
      await member.get(`/api/opportunities/${opportunity}`).expect(404);
      const left = (await member.get(`/api/activities/${activity}`).expect(200)).body.data;
      assert.deepEqual([left.account_id, left.account_name, left.opportunity_id], [null, null, null]);
    });

    test("jobs invalidate without a request", async () => {
      await fillAll();
      await crm.cache.invalidateTenantCache(TENANT_A, "leads");
      await assertTouched(["leads"]);
      await fillAll();
      await crm.cache.invalidateAllTenant(TENANT_A);
      await assertTouched(MODULES);
    });
  });
}
