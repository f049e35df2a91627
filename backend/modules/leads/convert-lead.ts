// POST /api/leads/:id/convert: makes a contact of a lead and, where asked, an account.
// Tests: test/http/conversion.test.ts
import type { RequestHandler, Router } from "express";
import type { PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { dataOf, named } from "../../http/openapi/named-schemas.js";
import { conflict } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { type accountDocument, accountsModule } from "../accounts/accounts-module.js";
import { explainingConstraints } from "../constraint-problems.js";
import { type contactDocument, contactsModule } from "../contacts/contacts-module.js";
import { CrudRepository, type ModuleRecord } from "../crud-repository.js";
import { recordIdOf } from "../crud-routes.js";
import { recordId } from "../field-types.js";
import { noParameters } from "../list-query.js";
import type { ModuleContext } from "../module-context.js";
import { idParams } from "../record-facts.js";
import { noSuchRecord } from "../record-writer.js";
import { type leadDocument, leadsModule } from "./leads-module.js";

const conversion = validatedBody(
  z
    .strictObject({ create_account: z.boolean().default(false), account_id: recordId().optional() })
    .refine((body) => !(body.create_account && body.account_id), {
      path: ["account_id"],
      error: "must be left out where create_account is true",
    }),
);

interface Conversion {
  readonly lead: ModuleRecord;
  readonly contact: ModuleRecord;
  readonly account: ModuleRecord | null;
}

const conversionAnswer = named(
  "Conversion",
  z.strictObject({
    lead: leadsModule.record,
    contact: contactsModule.record,
    account: accountsModule.record.nullable(),
  }),
);

const leads = new CrudRepository(leadsModule);
const contacts = new CrudRepository(contactsModule);
const accounts = new CrudRepository(accountsModule);

/** Mounts the conversion: it touches leads, contacts and accounts. */
export function mountLeadConversion(router: Router, { pool, cache }: ModuleContext): void {
  const convert: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const id = recordIdOf(req, leadsModule.singular);
    const target = conversion.of(req);
    const converted = await explainingConstraints([contactsModule], () =>
      withTenant(pool, tenantId, (client) => convertLead(client, tenantId, id, target)),
    );
    res
      .status(201)
      .location(`/api/contacts/${String(converted.contact.id)}`)
      .json({ data: converted });
  };
  route(
    router,
    "/:id/convert",
    {
      post: [
        requireRole("member"),
        validatedQuery(noParameters).check,
        jsonBody,
        conversion.check,
        cache.invalidateCache("leads", "contacts", "accounts"),
        convert,
      ],
    },
    {
      post: {
        summary: "Convert a lead to a contact and, where asked, an account",
        params: idParams,
        answers: { 201: dataOf(conversionAnswer) },
        problems: [404, 409],
      },
    },
  );
}

async function convertLead(
  client: PoolClient,
  tenantId: string,
  id: string,
  target: { readonly create_account: boolean; readonly account_id?: string | undefined },
): Promise<Conversion> {
  const lead = await lockOpenLead(client, tenantId, id);
  const account = target.create_account
    ? await accounts.insert(client, tenantId, accountFrom(lead))
    : await existingAccount(client, tenantId, target.account_id);
  const contact = await contacts.insert(client, tenantId, contactFrom(lead, account?.id));
  await client.query(
    `UPDATE leads SET status = 'converted', converted_at = now(), updated_at = now(),
       converted_contact_id = $3, converted_account_id = $4
     WHERE tenant_id = $1 AND id = $2`,
    [tenantId, id, contact.id, account?.id ?? null],
  );
  const converted = await leads.find(client, tenantId, id);
  if (!converted) throw new Error("a lead vanished while its row was locked");
  return { lead: converted, contact, account };
}

/** The lock makes a second conversion wait for the first, and then find it done. */
async function lockOpenLead(client: PoolClient, tenantId: string, id: string): Promise<Lead> {
  const { rows } = await client.query<Lead & { converted_at: Date | null }>(
    "SELECT * FROM leads WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    [tenantId, id],
  );
  const lead = rows[0];
  if (!lead) throw noSuchRecord(leadsModule.singular);
  if (lead.converted_at) throw conflict("This lead has already been converted.");
  return lead;
}

/** Where it is not found, the contact's foreign key refuses and says so. */
async function existingAccount(client: PoolClient, tenantId: string, id: string | undefined) {
  if (id === undefined) return null;
  return (await accounts.find(client, tenantId, id)) ?? { id };
}

type Lead = z.output<typeof leadDocument>;

function accountFrom(lead: Lead): z.output<typeof accountDocument> {
  return {
    name: lead.company,
    type: "prospect",
    industry: lead.industry,
    rating: lead.rating,
    website: lead.website,
    phone: lead.phone,
    annual_revenue: lead.annual_revenue,
    employee_count: lead.employee_count,
    billing_street: lead.street,
    billing_city: lead.city,
    billing_state: lead.state,
    billing_postal_code: lead.postal_code,
    billing_country: lead.country,
    owner_email: lead.owner_email,
    description: null,
  };
}

function contactFrom(lead: Lead, accountId: unknown): z.output<typeof contactDocument> {
  return {
    account_id: typeof accountId === "string" ? accountId : null,
    first_name: lead.first_name,
    last_name: lead.last_name,
    email: lead.email,
    phone: lead.phone,
    mobile_phone: null,
    title: lead.title,
    department: null,
    source: lead.source,
    mailing_street: lead.street,
    mailing_city: lead.city,
    mailing_state: lead.state,
    mailing_postal_code: lead.postal_code,
    mailing_country: lead.country,
    do_not_contact: false,
    owner_email: lead.owner_email,
    description: lead.description,
  };
}
