// Demo business development sources: fairs, partners, referrals, some of which have become accounts.
// Tests: test/integration/demo-data.test.ts
import { CHANNELS, OPEN_SOURCE_STATUSES } from "../modules/bizdevsources/bizdevsources-module.js";
import { type AccountWithCompany, changedAfter, LAST_MS, makeCompany, phoneAt } from "./companies.js";
import type { People } from "./people.js";
import type { Random } from "./random.js";

const PROMOTED_SHARE = 0.15;

const NAME_PATTERNS: Readonly<Record<(typeof CHANNELS)[number], readonly string[]>> = {
  referral: ["Referral from %", "% customer referral"],
  partner: ["% partner programme", "% reseller agreement"],
  event: ["% summit", "Trade fair with %", "% roadshow"],
  outbound: ["Outbound to % suppliers", "% prospecting list"],
  inbound: ["Inbound through %", "% webinar series"],
  marketplace: ["% marketplace listing", "% app store"],
  association: ["% chamber membership", "% industry association"],
  advertising: ["% newsletter placement", "Advertising with %"],
};

/** @param names those already given in this tenant: they are unique */
export function makeSource(
  random: Random,
  people: People,
  accounts: readonly AccountWithCompany[],
  owners: readonly string[],
  names: Set<string>,
): Record<string, unknown> {
  const account = accounts.length > 0 && random.chance(PROMOTED_SHARE) ? random.pick(accounts) : undefined;
  const company = account?.company ?? makeCompany(random);
  const person = people.at(company);
  const channel = random.pickSkewed(CHANNELS);
  const promotedAt = account?.row.created_at ?? null;
  const createdAt = promotedAt
    ? new Date(promotedAt.getTime() - random.int(10, 200) * 86_400_000)
    : random.workingMoment(Date.UTC(2024, 0, 2), LAST_MS);
  const base = random.pick(NAME_PATTERNS[channel]).replace("%", company.name);
  let name = base;
  for (let n = 2; names.has(name.toLowerCase()); n++) name = `${base} ${n}`;
  names.add(name.toLowerCase());
  return {
    id: random.uuid(),
    name,
    channel,
    status: account ? "promoted" : random.pickSkewed(OPEN_SOURCE_STATUSES),
    company: company.name,
    contact_name: `${person.first} ${person.last}`,
    contact_email: person.email,
    contact_phone: random.maybe(phoneAt(random, company.place), 0.3),
    website: random.maybe(`https://www.${company.domain}`, 0.2),
    industry: company.industry,
    region: company.place.region,
    city: company.place.city,
    country: company.place.country,
    expected_value: random.maybe(Math.round(random.logNormal(40_000, 1.2) / 500) * 500, 0.15),
    probability: account ? 100 : random.int(1, 18) * 5,
    next_review_on: account
      ? null
      : random.maybe(
          random
            .workingMoment(LAST_MS, LAST_MS + 1.5e10)
            .toISOString()
            .slice(0, 10),
          0.3,
        ),
    owner_email: random.pickSkewed(owners),
    promoted_at: promotedAt,
    promoted_account_id: account?.row.id ?? null,
    created_at: createdAt,
    updated_at: promotedAt ?? changedAfter(random, createdAt),
  };
}
