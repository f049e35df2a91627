// The query of a list: page, order, search and filters, made from a module's definition.
// Tests: test/http/listing.test.ts, test/http/spelling.test.ts
import * as z from "zod";
import { explained, writtenAs } from "../http/openapi/named-schemas.js";
import { sortedSet } from "./filters.js";
import type { ModuleDefinition, SortColumn } from "./module-definition.js";

export interface SortTerm extends SortColumn {
  readonly descending: boolean;
}

export interface ListFilter {
  /** Every word must occur somewhere in the record's search text. */
  readonly words: readonly string[];
  /** Values by parameter, as the filters' schemas made them. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface ListQuery extends ListFilter {
  readonly limit: number;
  readonly offset: number;
  readonly sort: readonly SortTerm[];
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const MAX_OFFSET = 100_000;
const MAX_SORT_TERMS = 3;
const DEFAULT_SORT = "-created_at";
const MAX_SEARCH_LENGTH = 100;
const MAX_SEARCH_WORDS = 5;

/** Part of every query: authentication has compared it with the token. No route reads it, so it is no part of what a schema makes. */
export const tenantParameter = {
  tenant_id: writtenAs(
    {
      type: "string",
      format: "uuid",
      description: "The tenant, for superadmins; for everybody else that of the token.",
    },
    z.string().optional(),
  ),
};

/** For routes that take no parameters of their own. */
export const noParameters = z.strictObject(tenantParameter).transform(() => ({}));

const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string("must be given once")
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min).max(max))
    .default(fallback);

/** `?limit=` */
export const limitParameter = (fallback = DEFAULT_LIMIT) => wholeNumber(1, MAX_LIMIT, fallback);

/** `?q=`, as lower-case words, in an order of their own: all of them must occur, so a search is the same in any order. */
export const searchParameter = explained(
  `Words that must all occur, at most ${MAX_SEARCH_WORDS}.`,
  z
    .string("must be given once")
    .trim()
    .min(1)
    .max(MAX_SEARCH_LENGTH)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters")
    .transform((q) => sortedSet(q.toLowerCase().split(/\s+/)))
    .pipe(z.array(z.string()).max(MAX_SEARCH_WORDS, `must have at most ${MAX_SEARCH_WORDS} words`)),
);

/** Refuses parameters that the module does not know. */
export function listQuerySchema(module: ModuleDefinition): z.ZodType<ListQuery> {
  return z
    .strictObject({
      ...filterShape(module),
      limit: limitParameter(),
      offset: wholeNumber(0, MAX_OFFSET, 0),
      sort: sortParameter(module),
    })
    .transform(({ limit, offset, sort, ...filter }) => ({ limit, offset, sort, ...splitFilter(filter) }));
}

/** As {@link listQuerySchema}, without page and order. */
export function countQuerySchema(module: ModuleDefinition): z.ZodType<ListFilter> {
  return z.strictObject(filterShape(module)).transform(splitFilter);
}

function filterShape(module: ModuleDefinition): Record<string, z.ZodType> {
  const filters = Object.entries(module.filters).map(
    ([name, { schema }]) => [name, schema.optional()] as const,
  );
  return { ...tenantParameter, q: searchParameter.optional(), ...Object.fromEntries(filters) };
}

function splitFilter({ q, tenant_id: _tenantId, ...rest }: Record<string, unknown>): ListFilter {
  const values = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return { words: Array.isArray(q) ? q : [], values };
}

/** `?sort=-created_at,name`: a minus sign turns the order around. Newest first by default. */
function sortParameter(module: ModuleDefinition) {
  const names = Object.keys(module.sortable);
  const term = `-?(?:${names.join("|")})`;
  const pattern = `^${term}(?:,${term}){0,${MAX_SORT_TERMS - 1}}$`;
  const schema = z
    .string("must be given once")
    .default(DEFAULT_SORT)
    .transform((text, context): SortTerm[] => {
      const terms = text.split(",");
      const columns = terms.map((term) => term.replace(/^-/, ""));
      const known = columns.every((name) => Object.hasOwn(module.sortable, name));
      if (!known || terms.length > MAX_SORT_TERMS || new Set(columns).size < columns.length) {
        const message = `must be up to ${MAX_SORT_TERMS} different names out of ${names.join(", ")}, separated by commas, each with "-" in front for descending`;
        context.addIssue({ code: "custom", message });
        return z.NEVER;
      }
      return terms.flatMap((term, i) => {
        const column = module.sortable[columns[i] ?? ""];
        return column ? [{ ...column, descending: term.startsWith("-") }] : [];
      });
    });
  const description = 'Different names; "-" in front turns the order around.';
  return writtenAs({ type: "string", pattern, default: DEFAULT_SORT, description }, schema);
}
