// A tenant's technicians, orders, tasks and schedules, made through the API, and the path of every view that shows them.
import type { CrmClient } from "./crm.js";

/** Noon of a Wednesday, in the middle of its week and month. */
export const NOON = new Date("2026-05-13T12:00:00Z");
export const TODAY = "2026-05-13";
export const TOMORROW = "2026-05-14";
const MONDAY = "2026-05-11";

export interface FieldService {
  /** Ids of two technicians, both with a schedule for today and one open task. */
  readonly technicians: readonly [string, string];
  /** Id of a user who is no technician. */
  readonly dispatcher: string;
  readonly order: string;
  readonly task: string;
  readonly schedule: string;
}

export const userDocument = (name: string, change: object = {}) => ({
  name,
  email: `${name.toLowerCase().replaceAll(" ", ".")}@example.com`,
  ...change,
});

export const scheduleDocument = (technicianId: string, change: object = {}) => ({
  technician_id: technicianId,
  title: "Inspect the pump",
  date: TODAY,
  starts_at: "09:00",
  ends_at: "10:30",
  ...change,
});

export const taskDocument = (orderId: string, change: object = {}) => ({
  order_id: orderId,
  title: "Replace the filter",
  due_on: TOMORROW,
  ...change,
});

/** The id of what was created. */
export async function create(client: CrmClient, path: string, document: object): Promise<string> {
  const response = await client.post(path, document).expect(201);
  return response.body.data.id;
}

export async function createFieldService(admin: CrmClient): Promise<FieldService> {
  const technician = { is_technician: true };
  const ada = await create(admin, "/api/users", userDocument("Ada Brandt", technician));
  const ben = await create(admin, "/api/users", userDocument("Ben Castro", technician));
  const dispatcher = await create(admin, "/api/users", userDocument("Cleo Dorn"));
  const order = await create(admin, "/api/orders", { number: "A-1001" });
  const task = await create(admin, "/api/tasks", taskDocument(order, { technician_id: ada }));
  await create(admin, "/api/tasks", taskDocument(order, { technician_id: ben, priority: "high" }));
  const schedule = await create(admin, "/api/schedules", scheduleDocument(ada, { order_id: order }));
  await create(admin, "/api/schedules", scheduleDocument(ben, { starts_at: "14:00", ends_at: "15:00" }));
  return { technicians: [ada, ben], dispatcher, order, task, schedule };
}

/** Paths by key. `now`: the database's own day, by which tasks are counted. */
export function viewPaths({ technicians: [ada, ben], order }: FieldService): Record<string, string> {
  const now = new Date().toISOString().slice(0, 10);
  return {
    [`users:profile:${ada}`]: `/api/users/${ada}`,
    [`users:profile:${ben}`]: `/api/users/${ben}`,
    "users:all-users": "/api/users",
    "users:all-technicians": "/api/technicians",
    [`users:technician:${ada}:schedule`]: `/api/technicians/${ada}/schedule`,
    [`users:technician:${ben}:schedule`]: `/api/technicians/${ben}/schedule`,
    "schedules:today": "/api/schedules/today",
    [`schedules:week:${MONDAY}`]: `/api/schedules/week/${MONDAY}`,
    [`schedules:technician:${ada}:date:${TODAY}`]: `/api/schedules/technician/${ada}/date/${TODAY}`,
    [`schedules:technician:${ada}:date:${TOMORROW}`]: `/api/schedules/technician/${ada}/date/${TOMORROW}`,
    [`schedules:technician:${ben}:date:${TODAY}`]: `/api/schedules/technician/${ben}/date/${TODAY}`,
    "tasks:recent": "/api/tasks/recent",
    [`tasks:order:${order}`]: `/api/tasks/order/${order}`,
    [`tasks:technician:${ada}:active`]: `/api/tasks/technician/${ada}/active`,
    [`tasks:technician:${ben}:active`]: `/api/tasks/technician/${ben}/active`,
    "tasks:status:open": "/api/tasks/status/open",
    "tasks:status:completed": "/api/tasks/status/completed",
    "reports:dashboard": "/api/reports/dashboard",
    [`reports:performance:${ada}:${now}`]: `/api/reports/performance/${ada}/${now}`,
    [`reports:performance:${ben}:${now}`]: `/api/reports/performance/${ben}/${now}`,
    [`reports:performance:${ada}:${now.slice(0, 7)}`]: `/api/reports/performance/${ada}/${now.slice(0, 7)}`,
    [`reports:analytics:tasks:${now}`]: `/api/reports/analytics/tasks/${now}`,
    [`reports:analytics:technicians:${now}`]: `/api/reports/analytics/technicians/${now}`,
    "reports:analytics:schedules:2026-05": "/api/reports/analytics/schedules/2026-05",
  };
}
