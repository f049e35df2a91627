// Lists and counts of a module's records: their queries, and the handlers behind the cache.
// Tests: test/http/listing.test.ts
import type { RequestHandler } from "express";
import type { Pool } from "pg";
import { withTenant } from "../db/tenant-transaction.js";
import { tenantOf } from "../http/identity/tenant-choice.js";
import { type Validated, validatedQuery } from "../http/validation.js";
import { CrudRepository } from "./crud-repository.js";
import { countQuerySchema, type ListFilter, type ListQuery, listQuerySchema } from "./list-query.js";
import type { ModuleDefinition } from "./module-definition.js";

export interface ListHandlers {
  readonly listQuery: Validated<ListQuery>;
  readonly countQuery: Validated<ListFilter>;
  readonly list: RequestHandler;
  readonly count: RequestHandler;
}

export function listHandlers(module: ModuleDefinition, pool: Pool): ListHandlers {
  const repository = new CrudRepository(module);
  const listQuery = validatedQuery(listQuerySchema(module));
  const countQuery = validatedQuery(countQuerySchema(module));

  const list: RequestHandler = async (req, res) => {
    const query = listQuery.of(req);
    const tenantId = tenantOf(req);
    const page = await withTenant(
      pool,
      tenantId,
      async (client) => ({
        data: await repository.list(client, tenantId, query),
        total: await repository.count(client, tenantId, query),
      }),
      { readOnly: true },
    );
    const { limit, offset } = query;
    res.json({ data: page.data, pagination: { total: page.total, limit, offset } });
  };

  const count: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const filter = countQuery.of(req);
    const work = withTenant(pool, tenantId, (client) => repository.count(client, tenantId, filter), {
      readOnly: true,
    });
    res.json({ data: { count: await work } });
  };

  return { listQuery, countQuery, list, count };
}
