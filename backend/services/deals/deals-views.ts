// Views of deals, which are opportunities seen from their company: lists, pipelines, months and profiles.
// Tests: test/http/deals.test.ts
import * as z from "zod";
import { accountsModule } from "../../modules/accounts/accounts-module.js";
import { contactsModule } from "../../modules/contacts/contacts-module.js";
import { recordId } from "../../modules/field-types.js";
import { opportunitiesModule, STAGES } from "../../modules/opportunities/opportunities-module.js";
import { usersModule } from "../records/users-module.js";
import { recordRows } from "../views/record-rows.js";
import { defineView, idParam, type Reading } from "../views/view.js";
import { dealSum, figuresOfMonth, monthAnswer, openDeals, stagesOf } from "./deal-queries.js";
import { monthParam } from "./month.js";

const MAX_DEALS = 200;
const MAX_CONTACTS = 500;

const accounts = recordRows(accountsModule);
const contacts = recordRows(contactsModule);
const opportunities = recordRows(opportunitiesModule);
const users = recordRows(usersModule);

const companyParam = z.strictObject({ companyId: recordId() });

/** What a company has does not exist where the company does not. */
async function ofCompany<T>(reading: Reading, id: string, load: () => Promise<T>): Promise<T | undefined> {
  const [company] = await accounts(reading, "t.id = $2", [id]);
  return company && (await load());
}

/** The 200 that were opened last. */
export const companyDeals = defineView({
  key: "deals:company:{companyId}",
  path: "/deals/company/:companyId",
  params: companyParam,
  summary: "List the deals of a company",
  answer: z.array(opportunitiesModule.record),
  load: (reading, { companyId }) =>
    ofCompany(reading, companyId, () =>
      opportunities(reading, `t.account_id = $2 ORDER BY t.created_at DESC, t.id DESC LIMIT ${MAX_DEALS}`, [
        companyId,
      ]),
    ),
  ttlSeconds: (ttl) => ttl.SHORT,
});

export const pipelineStats = defineView({
  key: "pipeline:stats:{companyId}",
  path: "/pipeline/stats/:companyId",
  params: companyParam,
  summary: "Sum up the open and closed deals of a company by stage",
  answer: z.strictObject({
    company_id: z.guid(),
    stages: z.array(z.strictObject({ stage: z.enum(STAGES), ...dealSum.shape, weighted_amount: z.number() })),
  }),
  load: (reading, { companyId }) =>
    ofCompany(reading, companyId, async () => ({
      company_id: companyId,
      stages: await stagesOf(reading, companyId),
    })),
  ttlSeconds: (ttl) => ttl.MEDIUM,
});

export const monthlyAnalytics = defineView({
  key: "analytics:monthly:{month}",
  path: "/analytics/monthly/:month",
  params: monthParam,
  summary: "Sum up what was opened, won and lost in a month",
  answer: monthAnswer,
  load: (reading, { month }) => figuresOfMonth(reading, month),
  ttlSeconds: (ttl) => ttl.LONG,
});

export const companyProfile = defineView({
  key: "company:profile:{id}",
  path: "/companies/:id/profile",
  params: idParam,
  summary: "Read a company, with its open deals",
  answer: z.strictObject({ ...accountsModule.record.shape, open_deals: dealSum }),
  load: async (reading, { id }) => {
    const [company] = await accounts(reading, "t.id = $2", [id]);
    return company && { ...company, open_deals: await openDeals(reading, id) };
  },
  ttlSeconds: (ttl) => ttl.LONG,
});

/** What others of the tenant are shown of a user. */
export const userCard = defineView({
  key: "user:profile:{id}",
  path: "/users/:id/profile",
  params: idParam,
  summary: "Read what others are shown of a user",
  answer: usersModule.record.pick({ id: true, name: true, email: true, phone: true, role: true }),
  load: async (reading, { id }) => {
    const [user] = await users(reading, "t.id = $2 AND t.is_active", [id]);
    return user && { id, name: user.name, email: user.email, phone: user.phone, role: user.role };
  },
  ttlSeconds: (ttl) => ttl.LONG,
});

/** In the domain of the module contacts: whatever changes contacts cuts it off with their lists. */
export const companyContacts = defineView({
  key: "contacts:list:{companyId}",
  path: "/companies/:companyId/contacts",
  params: companyParam,
  summary: "List the contacts of a company",
  answer: z.array(contactsModule.record),
  load: (reading, { companyId }) =>
    ofCompany(reading, companyId, () =>
      contacts(
        reading,
        `t.account_id = $2 ORDER BY t.last_name_key, t.first_name_key, t.id LIMIT ${MAX_CONTACTS}`,
        [companyId],
      ),
    ),
  ttlSeconds: (ttl) => ttl.MEDIUM,
});
