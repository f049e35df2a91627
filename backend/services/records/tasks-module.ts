// Tasks: the steps of an order, and who does them.
// Tests: test/http/task-list.test.ts, test/http/services.test.ts
import * as z from "zod";
import { day, longText, optional, recordId, text } from "../../modules/field-types.js";
import { oneOf, timeRange } from "../../modules/filters.js";
import { defineModule } from "../../modules/module-definition.js";
import { instant } from "../../modules/record-schema.js";

export const TASK_STATUSES = ["open", "in_progress", "completed", "cancelled"] as const;
const PRIORITIES = ["low", "normal", "high", "urgent"] as const;

export const tasksModule = defineModule({
  name: "tasks",
  singular: "task",
  document: z.strictObject({
    order_id: recordId(),
    technician_id: optional(recordId()),
    title: text(200),
    description: optional(longText(4000)),
    status: z.enum(TASK_STATUSES).default("open"),
    priority: z.enum(PRIORITIES).default("normal"),
    due_on: optional(day()),
  }),
  readOnlyColumns: { completed_at: instant().nullable() },
  references: {
    order_id: { module: "orders", shows: { order_number: '"order".number' } },
    technician_id: { module: "users", shows: { technician_name: "technician.name" } },
  },
  filters: { status: oneOf(TASK_STATUSES), priority: oneOf(PRIORITIES), ...timeRange("due_on") },
  sortable: {
    due_on: { column: "due_on", nullable: true },
    completed_at: { column: "completed_at", nullable: true },
  },
});
