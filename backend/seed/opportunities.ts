// Demo opportunities at the accounts, and the documents that go with some of them.
// Tests: test/integration/demo-data.test.ts
import { DOCUMENT_KINDS } from "../modules/documents/documents-module.js";
import { OPEN_STAGES } from "../modules/opportunities/opportunities-module.js";
import { SOURCES } from "../modules/picklists.js";
import { type AccountWithCompany, changedAfter, LAST_MS } from "./companies.js";
import type { Random } from "./random.js";

const DAY_MS = 86_400_000;
const CLOSED_SHARE = 0.55;
const WON_SHARE = 0.4;
const PRODUCTS = [
  "annual licence",
  "pilot project",
  "maintenance contract",
  "training",
  "rollout",
  "renewal",
];
const NEXT_STEPS = ["Send the offer", "Call the buyer", "Agree on dates", "Visit", "Legal review"];
const PROBABILITIES = { prospecting: 10, qualification: 25, proposal: 50, negotiation: 75 } as const;

export interface OpportunityRow extends Record<string, unknown> {
  readonly id: string;
  readonly account_id: string;
  readonly name: string;
  readonly created_at: Date;
}

export function makeOpportunity(
  random: Random,
  { row: account, company }: AccountWithCompany,
  owners: readonly string[],
): OpportunityRow {
  const createdAt = random.workingMoment(account.created_at.getTime(), LAST_MS);
  const isClosed = random.chance(CLOSED_SHARE);
  const isWon = random.chance(WON_SHARE);
  const openStage = random.pickSkewed(OPEN_STAGES);
  const closesAt = isClosed
    ? random.workingMoment(createdAt.getTime(), LAST_MS)
    : random.workingMoment(LAST_MS, LAST_MS + 180 * DAY_MS);
  return {
    id: random.uuid(),
    account_id: account.id,
    name: `${company.name}: ${random.pickSkewed(PRODUCTS)}`,
    stage: isClosed ? (isWon ? "closed_won" : "closed_lost") : openStage,
    amount: random.maybe(Math.round(random.logNormal(24_000, 1.3) / 100) * 100, 0.08),
    probability: isClosed ? (isWon ? 100 : 0) : PROBABILITIES[openStage],
    close_date: closesAt.toISOString().slice(0, 10),
    source: random.maybe(random.pickSkewed(SOURCES), 0.3),
    next_step: isClosed ? null : random.maybe(random.pick(NEXT_STEPS), 0.3),
    owner_email: random.pickSkewed(owners),
    created_at: createdAt,
    updated_at: isClosed && closesAt > createdAt ? closesAt : changedAfter(random, createdAt),
  };
}

export function makeDocument(
  random: Random,
  opportunity: OpportunityRow,
  owners: readonly string[],
): Record<string, unknown> {
  const kind = random.pickSkewed(DOCUMENT_KINDS);
  const createdAt = random.workingMoment(opportunity.created_at.getTime(), LAST_MS);
  const content = Buffer.from(
    `# ${opportunity.name}\n\nThe ${kind} of ${createdAt.toISOString().slice(0, 10)}.\n`,
  );
  return {
    id: random.uuid(),
    name: `${kind}-${random.int(1000, 9999)}.md`,
    kind,
    account_id: opportunity.account_id,
    opportunity_id: opportunity.id,
    content_type: "text/markdown; charset=utf-8",
    content_bytes: content.length,
    // PostgreSQL's input form of bytea.
    content: `\\x${content.toString("hex")}`,
    owner_email: random.pickSkewed(owners),
    created_at: createdAt,
    updated_at: createdAt,
  };
}
