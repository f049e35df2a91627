// The demo rows of one tenant: how many there are, and what is in them.
// Tests: test/integration/demo-data.test.ts
import { makeActivity } from "./activities.js";
import { type AccountWithCompany, makeAccount } from "./companies.js";
import { DEMO_TENANTS, type DemoTenant } from "./demo-tenants.js";
import { fieldServiceCounts, fieldServiceRows } from "./field-service.js";
import { FIRST_NAMES, LAST_NAMES } from "./names.js";
import { makeDocument, makeOpportunity } from "./opportunities.js";
import { makeContact, makeLead, People } from "./people.js";
import { Random } from "./random.js";
import { makeSource } from "./sources.js";
import { demoUsers, mailDomainOf, staffCount, technicianCount } from "./users.js";
import { workflowCounts, workflowRows } from "./workflows.js";

/** In an order that satisfies the foreign keys. */
export const SEEDED_TABLES = [
  "users",
  "accounts",
  "contacts",
  "leads",
  "bizdevsources",
  "opportunities",
  "activities",
  "documents",
  "orders",
  "tasks",
  "schedules",
  "workflows",
  "leadlists",
] as const;

export interface TableRows {
  readonly table: (typeof SEEDED_TABLES)[number];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const SEED = 20_250_630;
// Away from the seeds of the tenants' records.
const USERS_SEED = SEED + 1000;
const FIELD_SERVICE_SEED = SEED + 2000;
const WORKFLOWS_SEED = SEED + 3000;
const CONTACTS_PER_ACCOUNT = 0.7;
const LEADS_PER_ACCOUNT = 0.5;
const SOURCES_PER_ACCOUNT = 0.1;
const OPPORTUNITIES_PER_ACCOUNT = 0.4;
const ACTIVITIES_PER_ACCOUNT = 0.8;
const DOCUMENTS_PER_ACCOUNT = 0.1;
const ORDERS_PER_ACCOUNT = 0.25;
const MAX_OWNERS = 24;

type RowCounts = Readonly<Record<TableRows["table"], number>>;

/** @param scale between 0 and 1; every tenant keeps at least one row of each kind */
function rowCounts(tenant: DemoTenant, scale: number, today: string): RowCounts {
  const atLeastOne = (n: number) => Math.max(1, Math.round(n * scale));
  const { accounts } = tenant;
  const owners = ownersOf(tenant, recordsRandom(tenant), atLeastOne(accounts));
  return {
    users: staffCount(atLeastOne(accounts)) + owners.length,
    accounts: atLeastOne(accounts),
    contacts: atLeastOne(accounts * CONTACTS_PER_ACCOUNT),
    leads: atLeastOne(accounts * LEADS_PER_ACCOUNT),
    bizdevsources: atLeastOne(accounts * SOURCES_PER_ACCOUNT),
    opportunities: atLeastOne(accounts * OPPORTUNITIES_PER_ACCOUNT),
    activities: atLeastOne(accounts * ACTIVITIES_PER_ACCOUNT),
    documents: atLeastOne(accounts * DOCUMENTS_PER_ACCOUNT),
    ...workflowCounts,
    ...fieldServiceCounts(
      atLeastOne(accounts * ORDERS_PER_ACCOUNT),
      technicianCount(atLeastOne(accounts)),
      today,
    ),
  };
}

/** How many rows all tenants have together. */
export function totalRows(scale: number, today: string): number {
  return DEMO_TENANTS.map((tenant) => rowCounts(tenant, scale, today))
    .flatMap((counts) => Object.values(counts))
    .reduce((sum, rows) => sum + rows, 0);
}

/**
 * In an order that satisfies the foreign keys. The same tenant, scale and day give the same rows.
 * @param today schedules and tasks lie around it
 */
export function* demoRows(tenant: DemoTenant, scale: number, today: string): Generator<TableRows> {
  const random = recordsRandom(tenant);
  const counts = rowCounts(tenant, scale, today);
  const people = new People(random);
  const owners = ownersOf(tenant, random, counts.accounts);

  const usersSeed = USERS_SEED + DEMO_TENANTS.indexOf(tenant);
  const users = demoUsers(tenant, counts.accounts, owners, usersSeed);
  yield { table: "users", rows: users };
  const accounts = times(counts.accounts, () => makeAccount(random, owners));
  yield { table: "accounts", rows: accounts.map(({ row }) => row) };
  const contacts = times(counts.contacts, () =>
    makeContact(random, people, pickAccount(random, accounts), owners),
  );
  yield { table: "contacts", rows: contacts.map(({ row }) => row) };
  yield { table: "leads", rows: times(counts.leads, () => makeLead(random, people, contacts, owners)) };
  const names = new Set<string>();
  yield {
    table: "bizdevsources",
    rows: times(counts.bizdevsources, () => makeSource(random, people, accounts, owners, names)),
  };
  const opportunities = times(counts.opportunities, () =>
    makeOpportunity(random, pickAccount(random, accounts), owners),
  );
  yield { table: "opportunities", rows: opportunities };
  yield {
    table: "activities",
    rows: times(counts.activities, () => makeActivity(random, contacts, opportunities, owners)),
  };
  yield {
    table: "documents",
    rows: times(counts.documents, () => makeDocument(random, random.pick(opportunities), owners)),
  };
  const { orders, tasks, schedules } = fieldServiceRows({
    random: new Random(FIELD_SERVICE_SEED + DEMO_TENANTS.indexOf(tenant)),
    accountIds: accounts.map(({ row }) => row.id),
    orders: counts.orders,
    technicianIds: users.flatMap(({ id, is_technician }) => (is_technician ? [String(id)] : [])),
    today,
  });
  yield { table: "orders", rows: orders };
  yield { table: "tasks", rows: tasks };
  yield { table: "schedules", rows: schedules };
  const workflowsRandom = new Random(WORKFLOWS_SEED + DEMO_TENANTS.indexOf(tenant));
  const { workflows, leadlists } = workflowRows(workflowsRandom, owners[0] ?? "nobody");
  yield { table: "workflows", rows: workflows };
  yield { table: "leadlists", rows: leadlists };
}

function recordsRandom(tenant: DemoTenant): Random {
  return new Random(SEED + DEMO_TENANTS.indexOf(tenant));
}

/** Large customers have many contacts, most companies one or none. */
function pickAccount(random: Random, accounts: readonly AccountWithCompany[]): AccountWithCompany {
  return random.chance(0.5) ? random.pickSkewed(accounts) : random.pick(accounts);
}

/** The tenant's own sales people: one for about every 200 accounts. */
function ownersOf(tenant: DemoTenant, random: Random, accounts: number): string[] {
  const domain = mailDomainOf(tenant);
  const owners = times(Math.min(MAX_OWNERS, 1 + Math.ceil(accounts / 200)), () =>
    `${random.pick(FIRST_NAMES)}.${random.pick(LAST_NAMES)}@${domain}`.toLowerCase(),
  );
  return [...new Set(owners)];
}

function times<T>(n: number, make: () => T): T[] {
  return Array.from({ length: n }, make);
}
