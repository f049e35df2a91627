// The list of tasks: filters, validation, and that it is cached and fresh after whatever it shows has changed.
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
import {
  createFieldService,
  type FieldService,
  taskDocument,
  userDocument,
} from "../support/field-service-tenant.js";

for (const store of CRM_STORES) {
  describe(`the list of tasks, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let field: FieldService;
    let order: string;

    beforeAll(async () => {
      crm = await startCrm(store);
      admin = await crm.client("admin", TENANT_A);
      field = await createFieldService(admin);
      order = (await admin.post("/api/orders", { number: "WO-LIST" }).expect(201)).body.data.id;
      const [ada] = field.technicians;
      const tasks = [
        { title: "Paint 100% of it", priority: "urgent", technician_id: ada, due_on: "2026-06-01" },
        { title: "Weld", description: "the PAINTED side", status: "completed", due_on: "2026-06-02" },
        { title: "Clean", status: "cancelled", priority: "low", due_on: null },
      ];
      for (const task of tasks) await admin.post("/api/tasks", taskDocument(order, task)).expect(201);
    });
    afterAll(() => crm.close());

    const titles = async (query: string): Promise<string[]> => {
      const { body } = await admin.get(`/api/tasks?${query}`).expect(200);
      assert.equal(body.pagination.total, body.data.length);
      const { body: counted } = await admin
        .get(`/api/tasks/count?${query.replace(/&?sort=[^&]*/, "")}`)
        .expect(200);
      assert.equal(counted.data.count, body.data.length);
      return body.data.map(({ title }: { title: string }) => title);
    };

    test("filters, search, orders and pages", async () => {
      const of = `order_id=${order}`;
      assert.deepEqual(await titles(of), ["Clean", "Weld", "Paint 100% of it"]);
      assert.deepEqual(await titles(`${of}&status=completed`), ["Weld"]);
      assert.deepEqual(await titles(`${of}&status=cancelled&status=completed`), ["Clean", "Weld"]);
      assert.deepEqual(await titles(`${of}&priority=urgent`), ["Paint 100% of it"]);
      assert.deepEqual(await titles(`${of}&technician_id=${field.technicians[0]}`), ["Paint 100% of it"]);
      assert.deepEqual(await titles(`${of}&due_after=2026-06-02`), ["Weld"]);
      assert.deepEqual(await titles(`${of}&due_before=2026-06-02`), ["Paint 100% of it"]);
      assert.deepEqual(await titles(`${of}&q=paint`), ["Weld", "Paint 100% of it"]);
      assert.deepEqual(await titles(`${of}&sort=due_on`), ["Paint 100% of it", "Weld", "Clean"]);
      const { body } = await admin.get(`/api/tasks?${of}&limit=1&offset=1`).expect(200);
      assert.deepEqual(
        [body.data[0].title, body.data[0].order_number, body.pagination.total],
        ["Weld", "WO-LIST", 3],
      );
    });

    test("what is no filter, or no value of one, is refused", async () => {
      for (const query of [
        "state=open",
        "status=done",
        "priority=1",
        "order_id=1",
        "due_after=soon",
        "sort=title",
        "limit=1000",
      ])
        await admin.get(`/api/tasks?${query}`).expect(400);
      await admin.get("/api/tasks/count?limit=1").expect(400);
    });

    test("it is cached, for each tenant by itself, and leaves the path of a single task alone", async () => {
      await admin.get("/api/tasks?limit=7").expect(200);
      await crm.cache.idle();
      const uses = crm.databaseUses();
      assert.equal(cacheStatus(await admin.get("/api/tasks?limit=7").expect(200)), "hit");
      assert.equal(crm.databaseUses(), uses);
      const other = await (await crm.client("admin", TENANT_B)).get("/api/tasks?limit=7").expect(200);
      assert.deepEqual([other.body.data, cacheStatus(other)], [[], "fwd=miss; stored"]);
      await admin.get(`/api/tasks/${field.task}`).expect(200);
      await crm.withAuthorization().get("/api/tasks").expect(401);
    });

    test("whatever it shows is fresh after a change; views of other orders stay", async () => {
      const [, grace] = field.technicians;
      const task = taskDocument(order, { title: "New", technician_id: grace });
      let id = "";
      const user = (await admin.get(`/api/users/${grace}`).expect(200)).body.data;
      const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
        [
          "a task is made",
          async () => {
            id = (await admin.post("/api/tasks", task).expect(201)).body.data.id;
          },
        ],
        ["it is changed", () => admin.put(`/api/tasks/${id}`, { ...task, title: "Newer" }).expect(200)],
        [
          "its order has another number",
          () => admin.put(`/api/orders/${order}`, { number: "WO-2" }).expect(200),
        ],
        [
          "its technician has another name",
          () =>
            admin
              .put(
                `/api/users/${grace}`,
                userDocument("Grace Hopper", { email: user.email, role: user.role, is_technician: true }),
              )
              .expect(200),
        ],
        ["it is deleted", () => admin.delete(`/api/tasks/${id}`).expect(204)],
        ["its order is deleted", () => admin.delete(`/api/orders/${order}`).expect(204)],
      ];
      const elsewhere = `/api/tasks/order/${field.order}`;
      const shown = async (path: string) => {
        await admin.get(path).expect(200);
        await crm.cache.idle();
        const response = await admin.get(path).expect(200);
        assert.equal(cacheStatus(response), "hit", path);
        return response.text;
      };
      for (const [what, change] of changes) {
        const before = [await shown("/api/tasks"), await shown("/api/tasks/count"), await shown(elsewhere)];
        await change();
        const list = await admin.get("/api/tasks").expect(200);
        assert.equal(cacheStatus(list), "fwd=miss; stored", what);
        assert.notEqual(list.text, before[0], what);
        assert.equal(cacheStatus(await admin.get("/api/tasks/count").expect(200)), "fwd=miss; stored", what);
        // Where the tasks themselves have changed, their keys alone are dropped.
        if (/^(a task is made|it is)/.test(what))
          assert.equal(cacheStatus(await admin.get(elsewhere).expect(200)), "hit", what);
      }
    });
  });
}
