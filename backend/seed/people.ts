// Demo people: contacts at the accounts, and leads, some of which have become contacts.
// Tests: test/integration/demo-data.test.ts
import { OPEN_LEAD_STATUSES } from "../modules/leads/leads-module.js";
import { RATINGS, SOURCES } from "../modules/picklists.js";
import {
  type AccountWithCompany,
  type Company,
  changedAfter,
  LAST_MS,
  makeCompany,
  phoneAt,
} from "./companies.js";
import { FIRST_NAMES, LAST_NAMES } from "./names.js";
import type { Random } from "./random.js";

const ROLES: readonly (readonly [title: string, department: string])[] = [
  ["Sales Manager", "Sales"],
  ["Procurement Manager", "Procurement"],
  ["Operations Director", "Operations"],
  ["Head of Marketing", "Marketing"],
  ["IT Manager", "IT"],
  ["Chief Financial Officer", "Finance"],
  ["Account Executive", "Sales"],
  ["Project Manager", "Operations"],
  ["Chief Executive Officer", "Management"],
  ["Chief Technology Officer", "IT"],
  ["Buyer", "Procurement"],
  ["Human Resources Manager", "Human Resources"],
  ["Controller", "Finance"],
  ["Marketing Specialist", "Marketing"],
];
const CONVERTED_SHARE = 0.2;

interface Person {
  readonly first: string;
  readonly last: string;
  readonly email: string;
}

export interface ContactRow extends Record<string, unknown> {
  readonly id: string;
  readonly account_id: string | null;
  readonly created_at: Date;
}

export interface ContactAtAccount {
  readonly row: ContactRow;
  readonly person: Person;
  readonly account: AccountWithCompany;
}

/** Hands out people of one tenant: no two have the same address. */
export class People {
  readonly #random: Random;
  readonly #addresses = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  at(company: Company): Person {
    const first = this.#random.pickSkewed(FIRST_NAMES);
    const last = this.#random.pickSkewed(LAST_NAMES);
    const name = `${first}.${last}`.toLowerCase();
    let email = `${name}@${company.domain}`;
    for (let n = 2; this.#addresses.has(email); n++) email = `${name}${n}@${company.domain}`;
    this.#addresses.add(email);
    return { first, last, email };
  }
}

export function makeContact(
  random: Random,
  people: People,
  account: AccountWithCompany,
  owners: readonly string[],
): ContactAtAccount {
  const { company } = account;
  const person = people.at(company);
  const [title, department] = random.pickSkewed(ROLES);
  const createdAt = random.workingMoment(account.row.created_at.getTime(), LAST_MS);
  const row: ContactRow = {
    id: random.uuid(),
    // Some people were met before their company became an account.
    account_id: random.maybe(account.row.id, 0.04),
    first_name: person.first,
    last_name: person.last,
    email: person.email,
    phone: random.maybe(phoneAt(random, company.place), 0.3),
    mobile_phone: random.maybe(phoneAt(random, company.place), 0.6),
    title,
    department,
    source: random.maybe(random.pickSkewed(SOURCES), 0.3),
    mailing_city: company.place.city,
    mailing_state: company.place.state,
    mailing_country: company.place.country,
    do_not_contact: random.chance(0.05),
    owner_email: random.pickSkewed(owners),
    created_at: createdAt,
    updated_at: changedAfter(random, createdAt),
  };
  return { row, person, account };
}

/** A lead of its own, or one that became an existing contact. */
export function makeLead(
  random: Random,
  people: People,
  contacts: readonly ContactAtAccount[],
  owners: readonly string[],
): Record<string, unknown> {
  const origin = contacts.length > 0 && random.chance(CONVERTED_SHARE) ? random.pick(contacts) : undefined;
  const company = origin?.account.company ?? makeCompany(random);
  const person = origin?.person ?? people.at(company);
  const convertedAt = origin?.row.created_at ?? null;
  const createdAt = convertedAt
    ? new Date(convertedAt.getTime() - random.int(3, 120) * 86_400_000)
    : random.workingMoment(Date.UTC(2024, 0, 2), LAST_MS);
  return {
    id: random.uuid(),
    first_name: person.first,
    last_name: person.last,
    company: company.name,
    title: random.pickSkewed(ROLES)[0],
    email: random.maybe(person.email, 0.08),
    phone: random.maybe(phoneAt(random, company.place), 0.3),
    website: random.maybe(`https://www.${company.domain}`, 0.4),
    industry: random.maybe(company.industry, 0.15),
    status: origin ? "converted" : random.pickSkewed(OPEN_LEAD_STATUSES),
    source: random.pickSkewed(SOURCES),
    rating: random.maybe(random.pick(RATINGS), 0.4),
    score: random.maybe(random.int(origin ? 55 : 5, 100), 0.1),
    annual_revenue: random.maybe(company.revenue, 0.5),
    employee_count: random.maybe(company.employees, 0.4),
    city: company.place.city,
    state: company.place.state,
    country: company.place.country,
    owner_email: random.pickSkewed(owners),
    converted_at: convertedAt,
    converted_contact_id: origin?.row.id ?? null,
    converted_account_id: origin?.row.account_id ?? null,
    created_at: createdAt,
    updated_at: convertedAt ?? changedAfter(random, createdAt),
  };
}
