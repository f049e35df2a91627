// Demo companies: accounts whose name, web site, size and revenue fit together.
// Tests: test/integration/demo-data.test.ts
import { ACCOUNT_TYPES } from "../modules/accounts/accounts-module.js";
import { INDUSTRIES, RATINGS } from "../modules/picklists.js";
import { COMPANY_WORDS, NAME_ENDS, NAME_STARTS, REVENUE_PER_EMPLOYEE } from "./names.js";
import { PLACES, type Place } from "./places.js";
import type { Random } from "./random.js";

/** Fixed, and in the past on every machine: what a user creates is newer than all demo data. */
const FIRST_MS = Date.UTC(2022, 0, 3);
export const LAST_MS = Date.UTC(2025, 5, 30);

const INDUSTRIES_BY_FREQUENCY = [
  "technology",
  "manufacturing",
  "finance",
  "retail",
  "healthcare",
  "logistics",
  ...INDUSTRIES,
] as const;
const TYPES_BY_FREQUENCY = ["prospect", "customer", ...ACCOUNT_TYPES] as const;
const MEDIAN_EMPLOYEES = 120;
const EMPLOYEE_SPREAD = 2.1;

export interface Company {
  readonly name: string;
  /** Under .example (RFC 2606), so that no demo mail reaches anybody. */
  readonly domain: string;
  readonly industry: (typeof INDUSTRIES)[number];
  readonly place: Place;
  readonly employees: number;
  readonly revenue: number;
}

export function makeCompany(random: Random): Company {
  const industry = random.pickSkewed(INDUSTRIES_BY_FREQUENCY);
  const place = random.pickSkewed(PLACES);
  const base = `${random.pick(NAME_STARTS)}${random.pick(NAME_ENDS)} ${random.pick(COMPANY_WORDS[industry])}`;
  const employees = Math.max(2, Math.round(random.logNormal(MEDIAN_EMPLOYEES, EMPLOYEE_SPREAD)));
  const thousands = employees * REVENUE_PER_EMPLOYEE[industry] * (0.6 + random.next() * 0.8);
  return {
    name: `${base} ${random.pick(place.legalForms)}`,
    domain: `${base.toLowerCase().replaceAll(/[^a-z]+/g, "-")}.example`,
    industry,
    place,
    employees,
    revenue: Math.round(thousands) * 1000,
  };
}

export interface AccountRow extends Record<string, unknown> {
  readonly id: string;
  readonly created_at: Date;
}

export interface AccountWithCompany {
  readonly row: AccountRow;
  readonly company: Company;
}

/** @param owners addresses of the tenant's sales people */
export function makeAccount(random: Random, owners: readonly string[]): AccountWithCompany {
  const company = makeCompany(random);
  const createdAt = random.workingMoment(FIRST_MS, LAST_MS);
  const row: AccountRow = {
    id: random.uuid(),
    name: company.name,
    type: random.pickSkewed(TYPES_BY_FREQUENCY),
    industry: company.industry,
    rating: random.maybe(random.pick(RATINGS), 0.4),
    website: random.maybe(`https://www.${company.domain}`, 0.1),
    phone: random.maybe(phoneAt(random, company.place), 0.1),
    annual_revenue: random.maybe(company.revenue, 0.15),
    employee_count: random.maybe(company.employees, 0.1),
    billing_street: streetAt(random, company.place),
    billing_city: company.place.city,
    billing_state: company.place.state,
    billing_postal_code: digits(random, company.place.postalCode),
    billing_country: company.place.country,
    owner_email: random.pickSkewed(owners),
    created_at: createdAt,
    updated_at: changedAfter(random, createdAt),
  };
  return { row, company };
}

export function phoneAt(random: Random, place: Place): string {
  return `${place.dialing} 555 01${digits(random, "##")}`;
}

export function streetAt(random: Random, place: Place): string {
  const street = random.pick(place.streets);
  const number = random.int(1, 240);
  return place.country === "DE" ? `${street} ${number}` : `${number} ${street}`;
}

export function digits(random: Random, pattern: string): string {
  return pattern.replaceAll("#", () => String(random.int(0, 9)));
}

/** Half of all records have never been changed. */
export function changedAfter(random: Random, createdAt: Date): Date {
  if (random.chance(0.5)) return createdAt;
  const changedAt = random.workingMoment(createdAt.getTime(), LAST_MS);
  return changedAt > createdAt ? changedAt : createdAt;
}
