// What a CRM module is: a table, a schema, what lists offer, and what its changes touch. Everything else follows from it.
// Tests: test/http/crud.test.ts
import type * as z from "zod";
import { exactId, type Filter, timeRange } from "./filters.js";
import { recordSchema } from "./record-schema.js";

export interface SortColumn {
  readonly column: string;
  /** Records without a value come last, in both directions. Leave it out for NOT NULL columns: their indexes then serve the order. */
  readonly nullable?: boolean;
}

/**
 * A column that holds the id of another module's record, `<alias>_id`. From it follow the filter `?<alias>_id=`, the joined columns,
 * the answer where there is no such record (constraint `<table>_<alias>_exists`), and which cached responses a change touches.
 */
export interface Reference {
  readonly module: string;
  /** Columns of that record that responses show, as SQL: `{ account_name: "account.name" }`. The alias names its row. */
  readonly shows?: Readonly<Record<string, string>>;
}

/** What references do not tell: other modules whose rows this module's mutations change. Its own name is always among them. */
export interface CachePolicy {
  readonly touchedBy?: {
    readonly create?: readonly string[];
    readonly update?: readonly string[];
    readonly delete?: readonly string[];
  };
}

/** How a refusal of a table constraint reads for the client. */
export interface ConstraintMeaning {
  readonly field: string;
  readonly message: string;
}

export interface ModuleOptions {
  /** Plural: path under /api, table, and name in the cache. */
  readonly name: string;
  /** For sentences: "account". */
  readonly singular: string;
  /** What POST and PUT take: one field for each writable column. */
  readonly document: z.ZodObject;
  /** Columns that only routes of the module's own write, and what they hold. */
  readonly readOnlyColumns?: Readonly<Record<string, z.ZodType>>;
  /** Columns of the document that hold more than clients may set: a status that only a route of the module's own gives. */
  readonly shownAs?: Readonly<Record<string, z.ZodType>>;
  /** By column. Its foreign key clears it where the other record is deleted. */
  readonly references?: Readonly<Record<`${string}_id`, Reference>>;
  readonly filters: Readonly<Record<string, Filter>>;
  readonly sortable: Readonly<Record<string, SortColumn>>;
  readonly constraints?: Readonly<Record<string, ConstraintMeaning>>;
  /** Records that have a value in `column` can no longer be replaced. */
  readonly frozenBy?: { readonly column: string; readonly detail: string };
  readonly policy?: CachePolicy;
}

export interface ModuleDefinition extends Required<Pick<ModuleOptions, "constraints">> {
  readonly name: string;
  readonly singular: string;
  readonly document: z.ZodObject;
  /** A record as responses show it. */
  readonly record: z.ZodObject;
  readonly writableColumns: readonly string[];
  /** What responses show, in this order; joined columns come after. */
  readonly columns: readonly string[];
  readonly references: Readonly<Record<string, Reference>>;
  /** Columns of other tables that responses show. `t` is the module's table. */
  readonly joined: { readonly join: string; readonly columns: Readonly<Record<string, string>> };
  readonly filters: Readonly<Record<string, Filter>>;
  readonly sortable: Readonly<Record<string, SortColumn>>;
  readonly frozenBy: ModuleOptions["frozenBy"];
  /** Modules whose data this module's responses also show. */
  readonly dependsOn: readonly string[];
  readonly touchedBy: Readonly<Record<"create" | "update" | "delete", readonly string[]>>;
}

const IDENTIFIER = /^[a-z][a-z0-9_]*$/;

/**
 * Completes a module's options: ids, timestamps, their filters and orders, and the module's own name in what mutations touch.
 * @throws TypeError where a name is no plain SQL identifier: names are written into statements
 */
export function defineModule(options: ModuleOptions): ModuleDefinition {
  const {
    name,
    singular,
    document,
    policy = {},
    readOnlyColumns = {},
    shownAs = {},
    references = {},
  } = options;
  const writableColumns = Object.keys(document.shape);
  const columns = ["id", ...writableColumns, ...Object.keys(readOnlyColumns), "created_at", "updated_at"];
  const sortColumns = Object.values(options.sortable).map((sort) => sort.column);
  for (const identifier of [name, ...columns, ...sortColumns, ...Object.keys(references)]) {
    if (!IDENTIFIER.test(identifier))
      throw new TypeError(`module ${name}: "${identifier}" is no column or table name`);
  }
  const joined = joinOf(references);
  const shown = { ...readOnlyColumns, ...shownAs };
  const touching = (others: readonly string[] = []) => [name, ...others];
  return {
    name,
    singular,
    document,
    record: recordSchema({ singular, document, shown, joined: Object.keys(joined.columns) }),
    writableColumns,
    columns,
    references,
    joined,
    filters: {
      ...referenceFilters(references),
      ...options.filters,
      ...timeRange("created_at"),
      ...timeRange("updated_at"),
    },
    sortable: {
      ...options.sortable,
      created_at: { column: "created_at" },
      updated_at: { column: "updated_at" },
    },
    constraints: { ...referenceConstraints(name, references), ...options.constraints },
    frozenBy: options.frozenBy,
    dependsOn: modulesOf(Object.values(references).filter(showsSomething)),
    touchedBy: {
      create: touching(policy.touchedBy?.create),
      update: touching(policy.touchedBy?.update),
      delete: touching(policy.touchedBy?.delete),
    },
  };
}

/**
 * Completes what mutations touch by what other modules reference: an update reaches those that show the record, a deletion
 * all that reference it, because their foreign keys clear the column.
 */
export function linkModules(modules: readonly ModuleDefinition[]): ModuleDefinition[] {
  return modules.map((module) => {
    const referring = (isReached: (reference: Reference) => boolean) =>
      modules
        .filter(({ references }) =>
          Object.values(references).some(
            (reference) => reference.module === module.name && isReached(reference),
          ),
        )
        .map(({ name }) => name);
    const { create, update, delete: remove } = module.touchedBy;
    const touchedBy = {
      create,
      update: [...new Set([...update, ...referring(showsSomething)])],
      delete: [...new Set([...remove, ...referring(() => true)])],
    };
    return { ...module, touchedBy };
  });
}

type References = Readonly<Record<string, Reference>>;

const aliasOf = (column: string) => column.replace(/_id$/, "");
const showsSomething = ({ shows }: Reference) => shows !== undefined;
const modulesOf = (references: readonly Reference[]) => [...new Set(references.map(({ module }) => module))];

function joinOf(references: References): ModuleDefinition["joined"] {
  const shown = Object.entries(references).filter(([, reference]) => showsSomething(reference));
  const joins = shown.map(([column, { module }]) => {
    // Quoted: "order" is a word of SQL.
    const alias = `"${aliasOf(column)}"`;
    return `LEFT JOIN ${module} ${alias} ON ${alias}.tenant_id = t.tenant_id AND ${alias}.id = t.${column}`;
  });
  return { join: joins.join(" "), columns: Object.assign({}, ...shown.map(([, { shows }]) => shows)) };
}

function referenceFilters(references: References): Record<string, Filter> {
  return Object.fromEntries(Object.keys(references).map((column) => [column, exactId()]));
}

function referenceConstraints(name: string, references: References): Record<string, ConstraintMeaning> {
  return Object.fromEntries(
    Object.keys(references).map((column) => {
      const alias = aliasOf(column);
      return [`${name}_${alias}_exists`, { field: column, message: `is the id of no ${alias}` }];
    }),
  );
}
