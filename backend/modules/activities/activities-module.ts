// Activities: calls, meetings, e-mails and tasks, with or about an account, a contact, a lead or an opportunity.
// Tests: test/http/crud.test.ts, test/http/listing.test.ts
import * as z from "zod";
import { count, day, email, longText, optional, recordId, text } from "../field-types.js";
import { exact, oneOf, timeRange } from "../filters.js";
import { defineModule } from "../module-definition.js";

export const ACTIVITY_TYPES = ["call", "meeting", "email", "task"] as const;
export const ACTIVITY_STATUSES = ["planned", "in_progress", "completed", "cancelled"] as const;

export const activitiesModule = defineModule({
  name: "activities",
  singular: "activity",
  document: z.strictObject({
    type: z.enum(ACTIVITY_TYPES),
    subject: text(200),
    status: z.enum(ACTIVITY_STATUSES).default("planned"),
    due_on: optional(day()),
    duration_minutes: optional(count()),
    account_id: optional(recordId()),
    contact_id: optional(recordId()),
    lead_id: optional(recordId()),
    opportunity_id: optional(recordId()),
    owner_email: optional(email()),
    description: optional(longText(4000)),
  }),
  references: {
    account_id: { module: "accounts", shows: { account_name: "account.name" } },
    contact_id: {
      module: "contacts",
      shows: { contact_name: "nullif(concat_ws(' ', contact.first_name, contact.last_name), '')" },
    },
    lead_id: { module: "leads" },
    opportunity_id: { module: "opportunities" },
  },
  filters: {
    type: oneOf(ACTIVITY_TYPES),
    status: oneOf(ACTIVITY_STATUSES),
    owner_email: exact(),
    ...timeRange("due_on"),
  },
  sortable: { due_on: { column: "due_on", nullable: true }, subject: { column: "subject_key" } },
});
