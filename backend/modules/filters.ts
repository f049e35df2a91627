// Filters: query parameters of a list, each with its schema and the SQL condition it stands for.
// Tests: test/http/listing.test.ts
import * as z from "zod";
import { writtenAs } from "../http/openapi/named-schemas.js";
import { instantOf } from "./field-types.js";

/** Adds a value to the statement's parameters and returns its placeholder. */
export type Bind = (value: unknown) => string;

export interface Filter {
  readonly schema: z.ZodType;
  /** @param column qualified name, as in "t.status" */
  condition(column: string, value: unknown, bind: Bind): string;
  /** Default: the column of the parameter's own name. */
  readonly column?: string;
}

const MAX_NUMBER = 9_999_999_999_999.99;
// Schemas of values that appear once: a repeated parameter arrives as an array and is refused.
const oneText = z.string("must be given once").min(1).max(254);
const oneNumber = writtenAs(
  { type: "number", minimum: -MAX_NUMBER, maximum: MAX_NUMBER, description: "At most two decimals." },
  z
    .string("must be given once")
    .regex(/^-?\d{1,13}(\.\d{1,2})?$/, "must be a number")
    // "-0" is 0: to the database, and so to the key, which would tell them apart.
    .transform((text) => Number(text) + 0),
);
// A day alone begins at midnight UTC. Four-digit years from 1000: PostgreSQL has no year 0.
const oneInstant = writtenAs(
  { type: "string", anyOf: [{ format: "date-time" }, { format: "date" }] },
  z
    .string("must be given once")
    .regex(/^[1-9]/, "must be an ISO 8601 date or time")
    .pipe(z.union([z.iso.datetime({ offset: true }), z.iso.date()], "must be an ISO 8601 date or time"))
    .transform((text) => instantOf(new Date(text))),
);
const oneFlag = z.enum(["true", "false"], 'must be "true" or "false"').transform((text) => text === "true");

/** `?billing_city=Berlin`: equal. */
export const exact = (): Filter => ({
  schema: oneText.regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters"),
  condition: (column, value, bind) => `${column} = ${bind(value)}`,
});

/** `?account_id=<uuid>` */
export const exactId = (): Filter => ({
  schema: z.guid("must be one UUID").toLowerCase(),
  condition: (column, value, bind) => `${column} = ${bind(value)}`,
});

/** What is asked for in any order, and once or more, is the same: one order for all spellings. */
export const sortedSet = (values: readonly string[]): string[] => [...new Set(values)].sort();

/** `?status=new&status=working`: any of the values; the one filter that may be repeated. */
export const oneOf = (values: readonly string[]): Filter => ({
  schema: writtenAs(
    { type: "array", items: { type: "string", enum: values }, minItems: 1, maxItems: values.length },
    z
      .union([z.string().transform((text) => [text]), z.array(z.string())])
      .pipe(z.array(z.enum(values, `must be one of ${values.join(", ")}`)).max(values.length))
      .transform(sortedSet),
  ),
  condition: (column, value, bind) => `${column} = ANY(${bind(value)}::text[])`,
});

/** `?do_not_contact=true` */
export const flag = (): Filter => ({
  schema: oneFlag,
  condition: (column, value, bind) => `${column} = ${bind(value)}`,
});

/** `?converted=true`: whether the column has a value. */
export const present = (column: string): Filter => ({
  column,
  schema: oneFlag,
  condition: (qualified, value) => `${qualified} IS ${value === true ? "NOT NULL" : "NULL"}`,
});

/** `?min_<column>=` and `?max_<column>=`, both inclusive. Compared as numeric: integer columns refuse fractions and large numbers. */
export const numberRange = (column: string): Record<string, Filter> => ({
  [`min_${column}`]: {
    column,
    schema: oneNumber,
    condition: (qualified, value, bind) => `${qualified} >= ${bind(value)}::numeric`,
  },
  [`max_${column}`]: {
    column,
    schema: oneNumber,
    condition: (qualified, value, bind) => `${qualified} <= ${bind(value)}::numeric`,
  },
});

/** `?<name>_after=` (inclusive) and `?<name>_before=` (exclusive), so that neighbouring periods share no row. */
export const timeRange = (
  column: string,
  name = column.replace(/_(at|on)$/, ""),
): Record<string, Filter> => ({
  [`${name}_after`]: {
    column,
    schema: oneInstant,
    condition: (qualified, value, bind) => `${qualified} >= ${bind(value)}`,
  },
  [`${name}_before`]: {
    column,
    schema: oneInstant,
    condition: (qualified, value, bind) => `${qualified} < ${bind(value)}`,
  },
});
