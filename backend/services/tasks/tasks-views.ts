// Views of tasks: those of an order, a technician's open ones, those in a status, and the latest.
// Tests: test/http/services.test.ts, test/unit/view-policies.test.ts
import * as z from "zod";
import { TASK_STATUSES, tasksModule } from "../records/tasks-module.js";
import { recordRows } from "../views/record-rows.js";
import { defineView, idParam, noParams } from "../views/view.js";

const tasks = recordRows(tasksModule);
const MAX_TASKS = 200;
const MAX_RECENT = 50;
const LATEST_FIRST = "ORDER BY t.updated_at DESC, t.id DESC";

export const orderTasks = defineView({
  key: "tasks:order:{id}",
  path: "/tasks/order/:id",
  params: idParam,
  summary: "List the tasks of an order",
  answer: z.array(tasksModule.record),
  load: (reading, { id }) => tasks(reading, "t.order_id = $2 ORDER BY t.created_at, t.id", [id]),
  // What is done changes no more: an order with nothing left to do is kept longer.
  ttlSeconds: (ttl, { value }) =>
    value.length > 0 && value.every((task) => task.status === "completed") ? ttl.LONG : ttl.MEDIUM,
});

export const activeTasks = defineView({
  key: "tasks:technician:{id}:active",
  path: "/tasks/technician/:id/active",
  params: idParam,
  summary: "List the open tasks of a technician",
  answer: z.array(tasksModule.record),
  load: (reading, { id }) =>
    tasks(
      reading,
      "t.technician_id = $2 AND t.status IN ('open', 'in_progress') ORDER BY t.due_on NULLS LAST, t.created_at, t.id",
      [id],
    ),
  ttlSeconds: (ttl) => ttl.SHORT,
});

/** The 200 that changed last. */
export const tasksInStatus = defineView({
  key: "tasks:status:{status}",
  path: "/tasks/status/:status",
  params: z.strictObject({
    status: z.enum(TASK_STATUSES, `must be one of ${TASK_STATUSES.join(", ")}`),
  }),
  summary: "List the tasks in a status",
  answer: z.array(tasksModule.record),
  load: (reading, { status }) => tasks(reading, `t.status = $2 ${LATEST_FIRST} LIMIT ${MAX_TASKS}`, [status]),
  ttlSeconds: (ttl, { params }) => (params.status === "completed" ? ttl.LONG : ttl.SHORT),
});

export const recentTasks = defineView({
  key: "tasks:recent",
  path: "/tasks/recent",
  params: noParams,
  summary: "List the tasks that changed last",
  answer: z.array(tasksModule.record),
  load: (reading) => tasks(reading, `true ${LATEST_FIRST} LIMIT ${MAX_RECENT}`),
  ttlSeconds: (ttl) => ttl.SHORT,
});
