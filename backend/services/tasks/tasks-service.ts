// Tasks: what their changes make stale.
// Tests: test/http/service-cascades.test.ts

import { statesOf } from "../../modules/record-changes.js";
import { TASK_STATUSES, tasksModule } from "../records/tasks-module.js";
import { taskReportsOf } from "../reports/reports-views.js";
import type { Service } from "../views/service.js";
import { touch } from "../views/view.js";
import { activeTasks, orderTasks, recentTasks, tasksInStatus } from "./tasks-views.js";

export const tasksService: Service = {
  views: [recentTasks, orderTasks, activeTasks, tasksInStatus],
  records: {
    module: tasksModule,
    writer: "member",
    isListed: true,
    domains: ["tasks", "reports"],
    touches: (change) => [
      touch(recentTasks, {}),
      // Both states: a task that was moved or finished left one list, and came to another.
      ...statesOf(change).flatMap((task) => [
        touch(orderTasks, { id: String(task.order_id) }),
        ...TASK_STATUSES.filter((status) => status === task.status).map((status) =>
          touch(tasksInStatus, { status }),
        ),
        ...(typeof task.technician_id === "string" ? [touch(activeTasks, { id: task.technician_id })] : []),
        ...taskReportsOf(task),
      ]),
    ],
  },
};
