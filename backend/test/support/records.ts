// A valid body for each module, and a change to it.

export interface SampleModule {
  readonly name:
    | "accounts"
    | "leads"
    | "contacts"
    | "bizdevsources"
    | "opportunities"
    | "activities"
    | "documents"
    | "orders"
    | "workflows"
    | "leadlists";
  /** Different for every n. */
  document(n: number): Record<string, unknown>;
  readonly change: Record<string, unknown>;
  /** A body that the schema refuses, and where. */
  readonly invalid: { readonly body: Record<string, unknown>; readonly pointer: string };
}

export const SAMPLE_MODULES: readonly SampleModule[] = [
  {
    name: "accounts",
    document: (n) => ({
      name: `Brightwater Logistics ${n}`,
      industry: "logistics",
      annual_revenue: 1_250_000.5,
      employee_count: 40 + n,
      website: "https://brightwater.example",
      billing_country: "DE",
    }),
    change: { rating: "hot" },
    invalid: { body: { name: "x", employee_count: -1 }, pointer: "#/employee_count" },
  },
  {
    name: "leads",
    document: (n) => ({
      first_name: "Maria",
      last_name: `Garcia ${n}`,
      company: "Northfield Energy",
      score: 70,
      status: "working",
    }),
    change: { rating: "warm" },
    invalid: { body: { last_name: "x", company: "y", status: "converted" }, pointer: "#/status" },
  },
  {
    name: "contacts",
    document: (n) => ({ first_name: "Jonas", last_name: `Weber ${n}`, email: `jonas.weber${n}@example.com` }),
    change: { do_not_contact: true },
    invalid: { body: { last_name: "x", email: "nobody" }, pointer: "#/email" },
  },
  {
    name: "bizdevsources",
    document: (n) => ({
      name: `Hannover fair ${n}`,
      channel: "event",
      expected_value: 80_000,
      next_review_on: "2026-03-31",
    }),
    change: { status: "active" },
    invalid: { body: { name: "x", channel: "telepathy" }, pointer: "#/channel" },
  },
  {
    name: "opportunities",
    document: (n) => ({
      name: `Rollout ${n}`,
      stage: "proposal",
      amount: 12_500.5,
      probability: 50,
      close_date: "2026-12-31",
    }),
    change: { stage: "closed_won" },
    invalid: { body: { name: "x", stage: "hopeful" }, pointer: "#/stage" },
  },
  {
    name: "activities",
    document: (n) => ({
      type: "call",
      subject: `Follow-up ${n}`,
      due_on: "2026-04-01",
      duration_minutes: 30,
    }),
    change: { status: "completed" },
    invalid: { body: { type: "fax", subject: "x" }, pointer: "#/type" },
  },
  {
    name: "documents",
    document: (n) => ({ name: `offer-${n}.pdf`, kind: "offer" }),
    change: { kind: "contract" },
    invalid: { body: { name: "x", account_id: "none" }, pointer: "#/account_id" },
  },
  {
    name: "orders",
    document: (n) => ({ number: `WO-${n}`, status: "open" }),
    change: { status: "in_progress" },
    invalid: { body: { number: "WO-0", status: "lost" }, pointer: "#/status" },
  },
  {
    name: "workflows",
    document: (n) => ({
      name: `Follow up ${n}`,
      trigger: "lead_created",
      definition: { steps: [{ action: "wait", subject: null, wait_hours: 24 }] },
    }),
    change: { is_active: false },
    invalid: {
      body: { name: "x", trigger: "manual", definition: { steps: [] } },
      pointer: "#/definition/steps",
    },
  },
  {
    name: "leadlists",
    document: (n) => ({ name: `Hot leads ${n}`, rating: "hot" }),
    change: { min_score: 80 },
    invalid: { body: { name: "x", min_score: 101 }, pointer: "#/min_score" },
  },
];
