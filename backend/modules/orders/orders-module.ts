// Orders: the work that an account has asked for. Tasks belong to them.
// Tests: test/http/crud.test.ts, test/http/services.test.ts
import * as z from "zod";
import { longText, optional, recordId, text } from "../field-types.js";
import { exact, oneOf } from "../filters.js";
import { defineModule } from "../module-definition.js";

const STATUSES = ["open", "in_progress", "done", "cancelled"] as const;

export const ordersModule = defineModule({
  name: "orders",
  singular: "order",
  document: z.strictObject({
    number: text(40),
    account_id: optional(recordId()),
    status: z.enum(STATUSES).default("open"),
    description: optional(longText(4000)),
  }),
  references: { account_id: { module: "accounts", shows: { account_name: "account.name" } } },
  filters: { number: exact(), status: oneOf(STATUSES) },
  sortable: { number: { column: "number_key" } },
  constraints: { orders_number_unique: { field: "number", message: "is the number of another order" } },
  policy: {
    touchedBy: {
      // Tasks show their order's number.
      update: ["tasks"],
      // Tasks go with their order, and are missing in reports; schedules lose it, also where a technician's are shown.
      delete: ["tasks", "reports", "schedules", "users"],
    },
  },
});
