// From a list's query to SQL: every value is a parameter, every name comes from the module's definition.
// Tests: test/http/listing.test.ts
import type { Bind } from "./filters.js";
import type { ListFilter, SortTerm } from "./list-query.js";
import type { ModuleDefinition } from "./module-definition.js";

/** Collects a statement's parameters. */
export class Parameters {
  readonly values: unknown[] = [];

  readonly bind: Bind = (value) => `$${this.values.push(value)}`;
}

/** The columns that responses show; the module's table, or what stands for it, is `t`. */
export function selectList(module: ModuleDefinition): string {
  const own = module.columns.map((column) => `t.${column}`);
  const joined = Object.entries(module.joined.columns).map(([name, source]) => `${source} AS ${name}`);
  return [...own, ...joined].join(", ");
}

/** The first wall: the tenant is part of every condition, although row-level security would add it. */
export function whereClause(
  module: ModuleDefinition,
  tenantId: string,
  { words, values }: ListFilter,
  bind: Bind,
): string {
  const conditions = [`t.tenant_id = ${bind(tenantId)}`];
  for (const [parameter, value] of Object.entries(values)) {
    const filter = module.filters[parameter];
    if (!filter) throw new Error(`module ${module.name} has no filter ${parameter}`);
    conditions.push(filter.condition(`t.${filter.column ?? parameter}`, value, bind));
  }
  for (const word of words) conditions.push(`t.search_text LIKE ${bind(`%${escapeLike(word)}%`)}`);
  return conditions.join(" AND ");
}

/** Ends with the id, so that pages never overlap; in the last term's direction, so that one index serves both. */
export function orderClause(sort: readonly SortTerm[]): string {
  const terms = sort.map(
    ({ column, descending, nullable }) =>
      `t.${column} ${descending ? "DESC" : "ASC"}${nullable ? " NULLS LAST" : ""}`,
  );
  return [...terms, `t.id ${sort.at(-1)?.descending ? "DESC" : "ASC"}`].join(", ");
}

export function escapeLike(word: string): string {
  return word.replace(/[\\%_]/g, "\\$&");
}
