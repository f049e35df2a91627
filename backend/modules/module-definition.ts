// What a CRM module is: a table, a schema, what lists offer, and what its changes touch. Everything else follows from it.
import type * as z from "zod";
import { type Filter, timeRange } from "./filters.js";

export interface SortColumn {
  readonly column: string;
  /** Records without a value come last, in both directions. Leave it out for NOT NULL columns: their indexes then serve the order. */
  readonly nullable?: boolean;
}

/** Which cached modules show what this module's mutations change. Its own name is always among them. */
export interface CachePolicy {
  /** Modules whose data this module's responses also show. */
  readonly dependsOn?: readonly string[];
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
  /** Columns that only routes of the module's own write. */
  readonly readOnlyColumns?: readonly string[];
  /** Columns of other tables that responses show. `t` is the module's table. */
  readonly joined?: { readonly join: string; readonly columns: Readonly<Record<string, string>> };
  readonly filters: Readonly<Record<string, Filter>>;
  readonly sortable: Readonly<Record<string, SortColumn>>;
  readonly constraints?: Readonly<Record<string, ConstraintMeaning>>;
  /** Records that have a value in `column` can no longer be replaced. */
  readonly frozenBy?: { readonly column: string; readonly detail: string };
  readonly policy: CachePolicy;
}

export interface ModuleDefinition extends Required<Pick<ModuleOptions, "constraints">> {
  readonly name: string;
  readonly singular: string;
  readonly document: z.ZodObject;
  readonly writableColumns: readonly string[];
  /** What responses show, in this order; joined columns come after. */
  readonly columns: readonly string[];
  readonly joined: ModuleOptions["joined"];
  readonly filters: Readonly<Record<string, Filter>>;
  readonly sortable: Readonly<Record<string, SortColumn>>;
  readonly frozenBy: ModuleOptions["frozenBy"];
  readonly dependsOn: readonly string[];
  readonly touchedBy: Readonly<Record<"create" | "update" | "delete", readonly string[]>>;
}

const IDENTIFIER = /^[a-z][a-z0-9_]*$/;

/**
 * Completes a module's options: ids, timestamps, their filters and orders, and the module's own name in what mutations touch.
 * @throws TypeError where a name is no plain SQL identifier: names are written into statements
 */
export function defineModule(options: ModuleOptions): ModuleDefinition {
  const { name, policy, readOnlyColumns = [] } = options;
  const writableColumns = Object.keys(options.document.shape);
  const columns = ["id", ...writableColumns, ...readOnlyColumns, "created_at", "updated_at"];
  const sortColumns = Object.values(options.sortable).map((sort) => sort.column);
  for (const identifier of [name, ...columns, ...sortColumns]) {
    if (!IDENTIFIER.test(identifier))
      throw new TypeError(`module ${name}: "${identifier}" is no column or table name`);
  }
  const touching = (others: readonly string[] = []) => [name, ...others];
  return {
    name,
    singular: options.singular,
    document: options.document,
    writableColumns,
    columns,
    joined: options.joined,
    filters: { ...options.filters, ...timeRange("created_at"), ...timeRange("updated_at") },
    sortable: {
      ...options.sortable,
      created_at: { column: "created_at" },
      updated_at: { column: "updated_at" },
    },
    constraints: options.constraints ?? {},
    frozenBy: options.frozenBy,
    dependsOn: policy.dependsOn ?? [],
    touchedBy: {
      create: touching(policy.touchedBy?.create),
      update: touching(policy.touchedBy?.update),
      delete: touching(policy.touchedBy?.delete),
    },
  };
}
