// Deals and analytics: what changes of opportunities and accounts make stale.
// Tests: test/http/deals.test.ts
import type { ModuleRecord } from "../../modules/crud-repository.js";
import { statesOf } from "../../modules/record-changes.js";
import type { Service } from "../views/service.js";
import { type Touch, touch } from "../views/view.js";
import {
  companyContacts,
  companyDeals,
  companyProfile,
  monthlyAnalytics,
  pipelineStats,
  userCard,
} from "./deals-views.js";
import { monthOf } from "./month.js";

export const dealsService: Service = {
  views: [companyDeals, pipelineStats, monthlyAnalytics, companyProfile, userCard, companyContacts],
  watches: {
    opportunities: {
      domains: ["deals", "pipeline", "analytics", "company"],
      // Both states: a deal that was moved left one company, or one month, and came to another.
      touches: (change) =>
        statesOf(change).flatMap((deal) => [...touchedCompany(deal), ...touchedMonths(deal)]),
    },
    accounts: {
      domains: ["deals", "pipeline", "company"],
      touches: (change) => statesOf(change).flatMap(({ id }) => touchedCompany({ account_id: id })),
    },
    users: {
      domains: ["user"],
      touches: (change) => statesOf(change).map(({ id }) => touch(userCard, { id: String(id) })),
    },
  },
};

function touchedCompany({ account_id: companyId }: ModuleRecord): Touch[] {
  if (typeof companyId !== "string") return [];
  return [
    touch(companyDeals, { companyId }),
    touch(pipelineStats, { companyId }),
    touch(companyProfile, { id: companyId }),
  ];
}

function touchedMonths({ created_at: createdAt, close_date: closeDate }: ModuleRecord): Touch[] {
  const months = new Set([monthOf(createdAt), monthOf(closeDate)].filter((month) => month !== undefined));
  return [...months].map((month) => touch(monthlyAnalytics, { month }));
}
