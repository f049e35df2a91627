// What a change takes with it: after each, every view says what the database says.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A } from "../support/crm.js";
import {
  create,
  createFieldService,
  type FieldService,
  NOON,
  scheduleDocument,
  taskDocument,
  userDocument,
  viewPaths,
} from "../support/field-service-tenant.js";
import { uncachedReader } from "../support/uncached-reader.js";

for (const store of CRM_STORES) {
  describe(`what changes take with them, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let field: FieldService;
    let views: Record<string, string>;
    let truth: (path: string) => Promise<unknown>;

    beforeAll(async () => {
      crm = await startCrm(store, { clock: () => NOON });
      admin = await crm.client("admin", TENANT_A);
      field = await createFieldService(admin);
      views = viewPaths(field);
      truth = await uncachedReader(crm, TENANT_A);
    });
    afterAll(() => crm.close());

    /** All views are cached, then this happens, then none may say what was before. */
    async function afterwards(change: () => Promise<unknown>): Promise<void> {
      for (const path of Object.values(views)) await admin.get(path);
      await crm.cache.idle();
      await change();
      for (const [key, path] of Object.entries(views)) {
        const { status, body } = await admin.get(path);
        if (status === 200) assert.equal(JSON.stringify(body), JSON.stringify(await truth(path)), key);
        else await assert.rejects(truth(path), new RegExp(`got ${status}`), key);
      }
    }

    test("a task moves to another order, and to another technician", async () => {
      const [, ben] = field.technicians;
      const order = await create(admin, "/api/orders", { number: "C-3003" });
      views[`tasks:order:${order}`] = `/api/tasks/order/${order}`;
      await afterwards(() =>
        admin.put(`/api/tasks/${field.task}`, taskDocument(order, { technician_id: ben })).expect(200),
      );
    });

    test("an order is deleted to which schedules refer", async () => {
      const { order } = field;
      await afterwards(() => admin.delete(`/api/orders/${order}`).expect(204));
    });

    test("a technician is deactivated who has tasks and schedules", async () => {
      const [ada] = field.technicians;
      const document = userDocument("Ada Brandt", { is_technician: true, is_active: false });
      await afterwards(() => admin.put(`/api/users/${ada}`, document).expect(200));
    });

    test("a technician is deleted who has tasks and schedules", async () => {
      const [, ben] = field.technicians;
      const order = await create(admin, "/api/orders", { number: "D-4004" });
      await create(admin, "/api/tasks", taskDocument(order, { technician_id: ben }));
      await create(admin, "/api/schedules", scheduleDocument(ben, { order_id: order }));
      await afterwards(() => admin.delete(`/api/users/${ben}`).expect(204));
    });
  });
}
