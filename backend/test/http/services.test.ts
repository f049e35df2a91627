// The services' cached views: second reads ask no database, reads after a change agree with it, tenants are apart.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import {
  create,
  createFieldService,
  type FieldService,
  NOON,
  scheduleDocument,
  TOMORROW,
  taskDocument,
  userDocument,
  viewPaths,
} from "../support/field-service-tenant.js";
import { uncachedReader } from "../support/uncached-reader.js";

interface Step {
  readonly name: string;
  run(): Promise<unknown>;
  /** The views whose answer changes, besides none other. */
  changes(field: FieldService): readonly string[];
}

for (const store of CRM_STORES) {
  describe(`services, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let other: CrmClient;
    let field: FieldService;
    let views: Record<string, string>;
    let truth: (path: string) => Promise<unknown>;

    beforeAll(async () => {
      crm = await startCrm(store, { clock: () => NOON });
      admin = await crm.client("admin", TENANT_A);
      other = await crm.client("admin", TENANT_B);
      field = await createFieldService(admin);
      views = viewPaths(field);
      truth = await uncachedReader(crm, TENANT_A);
    });
    afterAll(() => crm.close());

    const read = async (path: string): Promise<unknown> => (await admin.get(path).expect(200)).body;

    /** The database is asked once for each view at most, and not at all for the second reads. */
    async function readAll(): Promise<Record<string, string>> {
      const answers: Record<string, string> = {};
      for (const [key, path] of Object.entries(views)) answers[key] = JSON.stringify(await read(path));
      await crm.cache.idle();
      return answers;
    }

    test("a second read of any view asks no database and says the same", async () => {
      const first = await readAll();
      for (const [key, path] of Object.entries(views)) {
        const uses = crm.databaseUses();
        assert.equal(JSON.stringify(await read(path)), first[key], key);
        assert.equal(crm.databaseUses(), uses, key);
      }
    });

    test("keys are those of docs/crm/services.md, inside the tenant", async () => {
      await readAll();
      for (const key of Object.keys(views)) {
        assert.equal(await crm.cache.manager.tenant(TENANT_A).exists(key), true, key);
        assert.equal(await crm.cache.manager.tenant(TENANT_B).exists(key), false, key);
      }
    });

    test("another tenant sees nothing of it, cached or not", async () => {
      await readAll();
      for (const [key, path] of Object.entries(views)) {
        const { status, text } = await other.get(path);
        const mentioned = [...field.technicians, field.order, field.task, "A-1001", "Brandt"].filter(
          // What is asked for may be repeated in the answer.
          (word) => text.includes(word) && !path.includes(word),
        );
        assert.deepEqual([status === 200 || status === 404, mentioned], [true, []], key);
      }
    });

    const steps = (): Step[] => {
      const [ada, ben] = field.technicians;
      let added = "";
      return [
        {
          name: "a user is created",
          run: async () => {
            added = await create(admin, "/api/users", userDocument("Dina Eck"));
          },
          changes: () => ["users:all-users"],
        },
        {
          name: "a user's phone number changes",
          run: () =>
            admin.put(`/api/users/${added}`, userDocument("Dina Eck", { phone: "+1 555 0100" })).expect(200),
          changes: () => ["users:all-users"],
        },
        {
          name: "a user becomes a technician",
          run: () =>
            admin.put(`/api/users/${added}`, userDocument("Dina Eck", { is_technician: true })).expect(200),
          changes: () => ["users:all-users", "users:all-technicians"],
        },
        {
          name: "a technician is renamed",
          run: () =>
            admin
              .put(`/api/users/${ada}`, userDocument("Ada Brandt-Lang", { is_technician: true }))
              .expect(200),
          changes: () => [
            `users:profile:${ada}`,
            "users:all-users",
            "users:all-technicians",
            `users:technician:${ada}:schedule`,
            "schedules:today",
            "schedules:week:2026-05-11",
            `schedules:technician:${ada}:date:2026-05-13`,
            "tasks:recent",
            `tasks:order:${field.order}`,
            `tasks:technician:${ada}:active`,
            "tasks:status:open",
            ...Object.keys(views).filter((key) => key.startsWith(`reports:performance:${ada}`)),
          ],
        },
        {
          name: "a schedule moves to another day and technician",
          run: () =>
            admin
              .put(`/api/schedules/${field.schedule}`, scheduleDocument(ben, { date: TOMORROW }))
              .expect(200),
          changes: () => [
            `users:technician:${ada}:schedule`,
            `users:technician:${ben}:schedule`,
            "schedules:today",
            "schedules:week:2026-05-11",
            `schedules:technician:${ada}:date:2026-05-13`,
            "reports:dashboard",
          ],
        },
        {
          name: "a schedule is created",
          run: () => create(admin, "/api/schedules", scheduleDocument(ada, { date: TOMORROW })),
          changes: () => [
            `users:technician:${ada}:schedule`,
            "schedules:week:2026-05-11",
            `schedules:technician:${ada}:date:2026-05-14`,
            "reports:analytics:schedules:2026-05",
          ],
        },
        {
          name: "a schedule is deleted",
          run: () => admin.delete(`/api/schedules/${field.schedule}`).expect(204),
          changes: () => [
            `users:technician:${ben}:schedule`,
            "schedules:week:2026-05-11",
            "reports:analytics:schedules:2026-05",
          ],
        },
        {
          name: "a task is created",
          run: () => create(admin, "/api/tasks", taskDocument(field.order)),
          changes: () => [
            "tasks:recent",
            `tasks:order:${field.order}`,
            "tasks:status:open",
            "reports:dashboard",
            ...reports("tasks"),
          ],
        },
        {
          name: "a task is completed",
          run: () =>
            admin
              .put(
                `/api/tasks/${field.task}`,
                taskDocument(field.order, { technician_id: ada, status: "completed" }),
              )
              .expect(200),
          changes: () => [
            "tasks:recent",
            `tasks:order:${field.order}`,
            `tasks:technician:${ada}:active`,
            "tasks:status:open",
            "tasks:status:completed",
            "reports:dashboard",
            ...reports("tasks"),
            ...reports("technicians"),
            ...Object.keys(views).filter((key) => key.startsWith(`reports:performance:${ada}`)),
          ],
        },
        {
          name: "an order is renumbered",
          run: () => admin.put(`/api/orders/${field.order}`, { number: "B-2002" }).expect(200),
          changes: () =>
            Object.keys(views).filter(
              (key) => /^tasks:(?!technician:.*)/.test(key) || key === `tasks:technician:${ben}:active`,
            ),
        },
        {
          name: "a technician is deleted",
          run: () => admin.delete(`/api/users/${added}`).expect(204),
          changes: () => ["users:all-users", "users:all-technicians"],
        },
        {
          name: "an order is deleted",
          run: () => admin.delete(`/api/orders/${field.order}`).expect(204),
          changes: () => [
            "tasks:recent",
            `tasks:order:${field.order}`,
            `tasks:technician:${ben}:active`,
            "tasks:status:open",
            "tasks:status:completed",
            "reports:dashboard",
            ...reports("tasks"),
            ...reports("technicians"),
            ...Object.keys(views).filter((key) => key.startsWith("reports:performance:")),
          ],
        },
      ];
    };

    const reports = (type: string) =>
      Object.keys(views).filter((key) => key.startsWith(`reports:analytics:${type}:`));

    test("after each change every view agrees with the database, and what changed is what was to change", async () => {
      for (const { name, run, changes } of steps()) {
        const earlier = await readAll();
        await run();
        const later: Record<string, string> = {};
        for (const [key, path] of Object.entries(views)) {
          later[key] = JSON.stringify(await read(path));
          assert.equal(later[key], JSON.stringify(await truth(path)), `${name}: ${key}`);
        }
        const changed = Object.keys(views).filter((key) => later[key] !== earlier[key]);
        assert.deepEqual(changed.sort(), [...changes(field)].sort(), name);
      }
    });
  });
}
