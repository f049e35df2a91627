// Workflows: what happens by itself when a record changes, as steps.
// Tests: test/http/credits-and-workflows.test.ts
import * as z from "zod";
import { longText, optional, text } from "../field-types.js";
import { flag, oneOf } from "../filters.js";
import { defineModule } from "../module-definition.js";

export const TRIGGERS = ["lead_created", "lead_converted", "deal_won", "deal_lost", "manual"] as const;
const ACTIONS = ["create_task", "send_email", "notify", "wait"] as const;
const MAX_STEPS = 50;
const MAX_WAIT_HOURS = 8760;

const step = z.strictObject({
  action: z.enum(ACTIONS),
  subject: optional(text(200)),
  wait_hours: optional(z.int().min(1).max(MAX_WAIT_HOURS)),
});

export const workflowsModule = defineModule({
  name: "workflows",
  singular: "workflow",
  document: z.strictObject({
    name: text(200),
    trigger: z.enum(TRIGGERS),
    is_active: z.boolean().default(true),
    definition: z.strictObject({ steps: z.array(step).min(1).max(MAX_STEPS) }),
    description: optional(longText(4000)),
  }),
  filters: { trigger: oneOf(TRIGGERS), is_active: flag() },
  sortable: { name: { column: "name_key" } },
  constraints: { workflows_name_unique: { field: "name", message: "is the name of another workflow" } },
});
