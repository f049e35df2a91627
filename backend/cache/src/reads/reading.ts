// What is concluded of a statement: the modules that it reads, and what is still to be compared each time it is executed.
// Tests: test/integration/auto-statements.test.ts
import type { UnreadReason } from "../cache-status.js";

export interface Problem {
  readonly why: UnreadReason;
  /** Of what, for whoever looks for it. */
  readonly what: string;
}

/** Where a value comes from that a column is compared with. */
export type Source =
  | { readonly from: "value"; readonly place: number }
  | { readonly from: "text"; readonly text: string }
  | { readonly from: "setting"; readonly name: string };

/** How values of a column are compared as texts; `undefined`: they are not. */
export type Comparison = "text" | "uuid" | "int2" | "int4" | "int8" | undefined;

/** Rows of a table with a tenant's column, as they are read in one place. */
export interface Rows {
  readonly what: string;
  readonly comparison: Comparison;
  /** Values that the column equals in all rows that matter. */
  readonly equals: Source[];
  /** Places whose rows have the same tenant. */
  readonly as: Rows[];
}

export interface Reading {
  readonly modules: ReadonlySet<string>;
  readonly tables: ReadonlySet<string>;
  readonly problem: Problem | undefined;
  /** Settings that its outcome depends on. */
  readonly settings: ReadonlySet<string>;
  /** Each must be the tenant's own. */
  readonly rows: readonly Rows[];
}

export const unread = (why: UnreadReason, what: string): Reading => ({
  modules: new Set(),
  tables: new Set(),
  problem: { why, what },
  settings: new Set(),
  rows: [],
});

/** All values that rows of this place are known to have, each with how it is compared. */
export function sourcesOf(rows: Rows): { readonly source: Source; readonly comparison: Comparison }[] {
  const seen = new Set<Rows>([rows]);
  for (const each of seen) for (const next of each.as) seen.add(next);
  return [...seen].flatMap(({ equals, comparison }) => equals.map((source) => ({ source, comparison })));
}

/** Of these types, whether two values are equal, and whether their texts are, is the same for texts in this form. */
const FORMS = {
  text: /^/,
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  int2: /^(?:0|-?[1-9]\d{0,4})$/,
  int4: /^(?:0|-?[1-9]\d{0,9})$/,
  int8: /^(?:0|-?[1-9]\d{0,18})$/,
} as const;

/** Whether a column of this type that equals the value holds this tenant's id, as the feed writes it. */
export function isTenants(tenant: string, value: unknown, comparison: Comparison): boolean {
  if (comparison === undefined) return false;
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  return isPlain && String(value) === tenant && FORMS[comparison].test(tenant);
}
