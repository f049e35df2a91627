// Demo activities: what sales people did, and mean to do, with contacts and opportunities.
// Tests: test/integration/demo-data.test.ts
import { ACTIVITY_TYPES } from "../modules/activities/activities-module.js";
import { changedAfter, LAST_MS } from "./companies.js";
import type { OpportunityRow } from "./opportunities.js";
import type { ContactAtAccount } from "./people.js";
import type { Random } from "./random.js";

const DAY_MS = 86_400_000;
const PLANNED_SHARE = 0.25;
const ABOUT_OPPORTUNITY_SHARE = 0.5;
const SUBJECTS: Readonly<Record<(typeof ACTIVITY_TYPES)[number], readonly string[]>> = {
  call: ["Follow-up call", "First call", "Call about the offer"],
  meeting: ["Meeting on site", "Product demonstration", "Quarterly review"],
  email: ["Sent the offer", "Asked for references", "Thanked for the visit"],
  task: ["Prepare the offer", "Check the contract", "Update the forecast"],
};

export function makeActivity(
  random: Random,
  contacts: readonly ContactAtAccount[],
  opportunities: readonly OpportunityRow[],
  owners: readonly string[],
): Record<string, unknown> {
  const opportunity = random.chance(ABOUT_OPPORTUNITY_SHARE) ? random.pick(opportunities) : undefined;
  const contact = opportunity ? undefined : random.pick(contacts);
  const type = random.pickSkewed(ACTIVITY_TYPES);
  const isPlanned = random.chance(PLANNED_SHARE);
  const begin = opportunity?.created_at ?? contact?.row.created_at ?? new Date(LAST_MS);
  const createdAt = random.workingMoment(begin.getTime(), LAST_MS);
  const dueAt = isPlanned ? random.workingMoment(LAST_MS, LAST_MS + 60 * DAY_MS) : createdAt;
  return {
    id: random.uuid(),
    type,
    subject: random.pick(SUBJECTS[type]),
    status: isPlanned ? "planned" : random.chance(0.9) ? "completed" : "cancelled",
    due_on: dueAt.toISOString().slice(0, 10),
    duration_minutes: type === "call" || type === "meeting" ? random.int(1, 12) * 10 : null,
    account_id: opportunity?.account_id ?? contact?.row.account_id ?? null,
    contact_id: contact?.row.id ?? null,
    opportunity_id: opportunity?.id ?? null,
    owner_email: random.pickSkewed(owners),
    created_at: createdAt,
    updated_at: changedAfter(random, createdAt),
  };
}
