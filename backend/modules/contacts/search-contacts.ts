// GET /api/contacts/search: finds people while their name is being typed.
// Tests: test/http/listing.test.ts
import type { RequestHandler, Router } from "express";
import type { PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { dataOf, named } from "../../http/openapi/named-schemas.js";
import { route } from "../../http/route-methods.js";
import { validatedQuery } from "../../http/validation.js";
import { limitParameter, searchParameter, tenantParameter } from "../list-query.js";
import { Parameters } from "../list-sql.js";
import { ANSWERS_HAVE_NO_LINKS, type ModuleContext } from "../module-context.js";
import { contactsModule } from "./contacts-module.js";

const DEFAULT_SEARCH_LIMIT = 20;

const searchQuery = validatedQuery(
  z
    .strictObject({ ...tenantParameter, q: searchParameter, limit: limitParameter(DEFAULT_SEARCH_LIMIT) })
    .transform(({ q, limit }) => ({ q, limit })),
);

/** A contact as a search shows it. */
const contactMatch = named(
  "ContactMatch",
  z.strictObject({
    id: z.guid(),
    first_name: z.string().nullable(),
    last_name: z.string(),
    email: z.string().nullable(),
    title: z.string().nullable(),
    account_id: z.guid().nullable(),
    account_name: z.string().nullable(),
  }),
);
type ContactMatch = z.output<typeof contactMatch>;

/** Mounts the search; it shows account names, as lists of contacts do, so it carries the same cache policy. */
export function mountContactSearch(router: Router, { pool, cache, ttlSeconds }: ModuleContext): void {
  const { name, dependsOn } = contactsModule;
  const search: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const { q, limit } = searchQuery.of(req);
    const data = await withTenant(pool, tenantId, (client) => findContacts(client, tenantId, q, limit), {
      readOnly: true,
    });
    res.json({ data });
  };
  route(
    router,
    "/search",
    {
      get: [
        requireRole("viewer"),
        searchQuery.check,
        cache.cacheList(name, {
          ttlSeconds: ttlSeconds.list,
          dependsOn,
          query: searchQuery.of,
          authority: ANSWERS_HAVE_NO_LINKS,
        }),
        search,
      ],
    },
    {
      get: {
        summary: "Find contacts while their name is being typed",
        isConditional: true,
        answers: { 200: dataOf(z.array(contactMatch)) },
      },
    },
  );
}

/**
 * Every word must begin the first name, the last name or the address. `^@` is leakproof, so that indexes serve it also
 * behind row-level security.
 */
async function findContacts(
  client: PoolClient,
  tenantId: string,
  words: readonly string[],
  limit: number,
): Promise<ContactMatch[]> {
  const { bind, values } = new Parameters();
  const tenant = bind(tenantId);
  const conditions = words.map((word) => {
    const prefix = bind(word);
    return `(t.first_name_key ^@ ${prefix} OR t.last_name_key ^@ ${prefix} OR t.email_key ^@ ${prefix})`;
  });
  const { rows } = await client.query<ContactMatch>(
    `SELECT t.id, t.first_name, t.last_name, t.email, t.title, t.account_id, account.name AS account_name
     FROM contacts t LEFT JOIN accounts account ON account.tenant_id = t.tenant_id AND account.id = t.account_id
     WHERE t.tenant_id = ${tenant} AND ${conditions.join(" AND ")}
     ORDER BY t.last_name_key, t.first_name_key, t.id LIMIT ${bind(limit)}`,
    values,
  );
  return rows;
}
