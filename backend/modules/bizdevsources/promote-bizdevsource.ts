// POST /api/bizdevsources/:id/promote: makes an account of a source.
// Tests: test/http/conversion.test.ts
import type { RequestHandler, Router } from "express";
import type { PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { dataOf } from "../../http/openapi/named-schemas.js";
import { conflict } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { ACCOUNT_TYPES, type accountDocument, accountsModule } from "../accounts/accounts-module.js";
import { CrudRepository, type ModuleRecord } from "../crud-repository.js";
import { recordIdOf } from "../crud-routes.js";
import { noParameters } from "../list-query.js";
import type { ModuleContext } from "../module-context.js";
import { idParams } from "../record-facts.js";
import { noSuchRecord } from "../record-writer.js";
import { type bizdevsourceDocument, bizdevsourcesModule } from "./bizdevsources-module.js";

const promotion = validatedBody(z.strictObject({ type: z.enum(ACCOUNT_TYPES).default("prospect") }));

interface Promotion {
  readonly bizdevsource: ModuleRecord;
  readonly account: ModuleRecord;
}

const promotionAnswer = z.strictObject({
  bizdevsource: bizdevsourcesModule.record,
  account: accountsModule.record,
});

const sources = new CrudRepository(bizdevsourcesModule);
const accounts = new CrudRepository(accountsModule);

/** Mounts the promotion: it touches bizdevsources and accounts. */
export function mountPromotion(router: Router, { pool, cache }: ModuleContext): void {
  const promote: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const id = recordIdOf(req, bizdevsourcesModule.singular);
    const { type } = promotion.of(req);
    const promoted = await withTenant(pool, tenantId, (client) => promoteSource(client, tenantId, id, type));
    res
      .status(201)
      .location(`/api/accounts/${String(promoted.account.id)}`)
      .json({ data: promoted });
  };
  route(
    router,
    "/:id/promote",
    {
      post: [
        requireRole("member"),
        validatedQuery(noParameters).check,
        jsonBody,
        promotion.check,
        cache.invalidateCache("bizdevsources", "accounts"),
        promote,
      ],
    },
    {
      post: {
        summary: "Promote a source to an account",
        params: idParams,
        answers: { 201: dataOf(promotionAnswer) },
        problems: [404, 409],
      },
    },
  );
}

async function promoteSource(
  client: PoolClient,
  tenantId: string,
  id: string,
  type: Account["type"],
): Promise<Promotion> {
  const source = await lockOpenSource(client, tenantId, id);
  const account = await accounts.insert(client, tenantId, accountFrom(source, type));
  await client.query(
    `UPDATE bizdevsources SET status = 'promoted', promoted_at = now(), updated_at = now(), promoted_account_id = $3
     WHERE tenant_id = $1 AND id = $2`,
    [tenantId, id, account.id],
  );
  const bizdevsource = await sources.find(client, tenantId, id);
  if (!bizdevsource) throw new Error("a source vanished while its row was locked");
  return { bizdevsource, account };
}

/** The lock makes a second promotion wait for the first, and then find it done. */
async function lockOpenSource(client: PoolClient, tenantId: string, id: string): Promise<Source> {
  const { rows } = await client.query<Source & { promoted_at: Date | null }>(
    "SELECT * FROM bizdevsources WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    [tenantId, id],
  );
  const source = rows[0];
  if (!source) throw noSuchRecord(bizdevsourcesModule.singular);
  if (source.promoted_at) throw conflict("This source has already been promoted.");
  return source;
}

type Source = z.output<typeof bizdevsourceDocument>;
type Account = z.output<typeof accountDocument>;

function accountFrom(source: Source, type: Account["type"]): Account {
  return {
    // A source is often named after what it was ("Hannover Fair 2026"); the company behind it is the account.
    name: source.company ?? source.name,
    type,
    industry: source.industry,
    rating: null,
    website: source.website,
    phone: source.contact_phone,
    annual_revenue: null,
    employee_count: null,
    billing_street: null,
    billing_city: source.city,
    billing_state: null,
    billing_postal_code: null,
    billing_country: source.country,
    owner_email: source.owner_email,
    description: source.description,
  };
}
