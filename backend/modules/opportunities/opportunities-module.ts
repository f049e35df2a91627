// Opportunities: what an account may buy, when, and for how much.
// Tests: test/http/crud.test.ts, test/http/deals.test.ts
import * as z from "zod";
import { day, email, longText, money, optional, percent, recordId, text } from "../field-types.js";
import { exact, numberRange, oneOf, timeRange } from "../filters.js";
import { defineModule } from "../module-definition.js";
import { SOURCES } from "../picklists.js";

export const OPEN_STAGES = ["prospecting", "qualification", "proposal", "negotiation"] as const;
export const STAGES = [...OPEN_STAGES, "closed_won", "closed_lost"] as const;

export const opportunitiesModule = defineModule({
  name: "opportunities",
  singular: "opportunity",
  document: z.strictObject({
    account_id: optional(recordId()),
    name: text(200),
    stage: z.enum(STAGES).default("prospecting"),
    amount: optional(money()),
    probability: optional(percent()),
    close_date: optional(day()),
    source: optional(z.enum(SOURCES)),
    next_step: optional(text(200)),
    owner_email: optional(email()),
    description: optional(longText(4000)),
  }),
  references: { account_id: { module: "accounts", shows: { account_name: "account.name" } } },
  filters: {
    stage: oneOf(STAGES),
    source: oneOf(SOURCES),
    owner_email: exact(),
    ...numberRange("amount"),
    ...timeRange("close_date"),
  },
  sortable: {
    name: { column: "name_key" },
    amount: { column: "amount", nullable: true },
    close_date: { column: "close_date", nullable: true },
  },
});
