// Schedules: when a technician is where.
// Tests: test/http/services.test.ts
import * as z from "zod";
import { day, longText, optional, recordId, text } from "../../modules/field-types.js";
import { defineModule } from "../../modules/module-definition.js";

const STATUSES = ["planned", "confirmed", "done", "cancelled"] as const;

const timeOfDay = () =>
  z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day such as "08:30"');

export const schedulesModule = defineModule({
  name: "schedules",
  singular: "schedule",
  document: z
    .strictObject({
      technician_id: recordId(),
      order_id: optional(recordId()),
      title: text(200),
      date: day(),
      starts_at: timeOfDay(),
      ends_at: timeOfDay(),
      status: z.enum(STATUSES).default("planned"),
      notes: optional(longText(4000)),
    })
    .refine(({ starts_at, ends_at }) => ends_at > starts_at, {
      path: ["ends_at"],
      error: "must be later than starts_at",
    }),
  references: {
    technician_id: { module: "users", shows: { technician_name: "technician.name" } },
    order_id: { module: "orders" },
  },
  filters: {},
  sortable: {},
});
