// Records as responses show them: the schema follows from what the module's columns take.
// Tests: test/http/openapi-contract.test.ts, test/http/crud.test.ts
import * as z from "zod";
import { dataOf, named } from "../http/openapi/named-schemas.js";
import { recordId } from "./field-types.js";

/** A moment, as JSON has it. */
export const instant = () => z.iso.datetime();

export interface RecordColumns {
  /** For sentences: "business development source". */
  readonly singular: string;
  readonly document: z.ZodObject;
  /** What responses show beside the document's columns, or of them in another way. */
  readonly shown: Readonly<Record<string, z.ZodType>>;
  /** Columns of other modules' records: texts, and nothing where there is no such record. */
  readonly joined: readonly string[];
}

/** Names the document, too: "Account" is what is shown, "AccountInput" what is sent. */
export function recordSchema(columns: RecordColumns): z.ZodObject {
  const { document, shown, joined } = columns;
  const name = nameOf(columns);
  named(`${name}Input`, document);
  return named(
    name,
    z.strictObject({
      id: recordId(),
      ...document.shape,
      ...shown,
      created_at: instant(),
      updated_at: instant(),
      ...Object.fromEntries(joined.map((column) => [column, z.string().nullable()])),
    }),
  );
}

/** A page of records. */
export const pageOf = (record: z.ZodType) =>
  z.strictObject({
    data: z.array(record),
    pagination: z.strictObject({ total: z.int(), limit: z.int(), offset: z.int() }),
  });

export const countAnswer = named("Count", dataOf(z.strictObject({ count: z.int() })));

const nameOf = ({ singular }: RecordColumns) =>
  singular.replace(/(?:^| )(\w)/g, (_match, letter: string) => letter.toUpperCase());
