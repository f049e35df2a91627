// Lists of leads: saved filters, read through /api/leadlists/:id/leads.
// Tests: test/http/credits-and-workflows.test.ts
import * as z from "zod";
import { email, longText, optional, percent, text } from "../field-types.js";
import { exact } from "../filters.js";
import { OPEN_LEAD_STATUSES } from "../leads/leads-module.js";
import { defineModule } from "../module-definition.js";
import { RATINGS, SOURCES } from "../picklists.js";

export const leadlistsModule = defineModule({
  name: "leadlists",
  singular: "list of leads",
  document: z.strictObject({
    name: text(200),
    status: optional(z.enum(OPEN_LEAD_STATUSES)),
    source: optional(z.enum(SOURCES)),
    rating: optional(z.enum(RATINGS)),
    min_score: optional(percent()),
    owner_email: optional(email()),
    description: optional(longText(4000)),
  }),
  filters: { owner_email: exact() },
  sortable: { name: { column: "name_key" } },
  constraints: { leadlists_name_unique: { field: "name", message: "is the name of another list" } },
});
