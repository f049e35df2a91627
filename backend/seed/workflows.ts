// Demo workflows and lists of leads: the same few for every tenant.
// Tests: test/integration/demo-data.test.ts
import type { Random } from "./random.js";

const CREATED_AT = "2024-01-02T09:00:00.000Z";
const step = (action: string, subject: string | null, waitHours: number | null = null) => ({
  action,
  subject,
  wait_hours: waitHours,
});

const WORKFLOWS = [
  {
    name: "Welcome a new lead",
    trigger: "lead_created",
    steps: [step("send_email", "Thank you for your interest"), step("create_task", "Call the lead")],
  },
  {
    name: "Hand over a converted lead",
    trigger: "lead_converted",
    steps: [step("notify", "A lead has been converted"), step("create_task", "Introduce yourself")],
  },
  {
    name: "Celebrate a deal",
    trigger: "deal_won",
    steps: [
      step("notify", "A deal was won"),
      step("wait", null, 72),
      step("create_task", "Ask for a reference"),
    ],
  },
  {
    name: "Learn from a lost deal",
    trigger: "deal_lost",
    steps: [step("wait", null, 24), step("create_task", "Ask why")],
  },
] as const;

const LISTS = [
  { name: "Hot leads", rating: "hot" },
  { name: "Scores of 80 and more", min_score: 80 },
  { name: "New from the website", status: "new", source: "website" },
  { name: "Working, from fairs", status: "working", source: "trade_show" },
] as const;

type Row = Readonly<Record<string, unknown>>;

/** How many rows of each kind a tenant has. */
export const workflowCounts = { workflows: WORKFLOWS.length, leadlists: LISTS.length };

export function workflowRows(random: Random, owner: string): Record<"workflows" | "leadlists", Row[]> {
  const base = () => ({ id: random.uuid(), created_at: CREATED_AT, updated_at: CREATED_AT });
  return {
    workflows: WORKFLOWS.map(({ name, trigger, steps }) => ({
      ...base(),
      name,
      trigger,
      is_active: true,
      definition: { steps },
    })),
    // The columns of a statement are those of its first row.
    leadlists: LISTS.map((list) => ({
      ...base(),
      status: null,
      source: null,
      rating: null,
      min_score: null,
      owner_email: null,
      description: `Kept by ${owner}`,
      ...list,
    })),
  };
}
