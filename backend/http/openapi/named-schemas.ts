// Names and descriptions of schemas in the OpenAPI description, kept beside the schemas: what is named once is written once.
// Tests: test/unit/openapi-document.test.ts
import * as z from "zod";

interface About {
  /** Name among the description's components: "Account". Schemas that say the same may share it. */
  readonly id?: string;
  readonly description?: string;
}

/** What `z.toJSONSchema` reads. Zod's global registry is left alone: another library may use it. */
export const schemaNames = z.registry<About>();
const written = new WeakMap<object, Readonly<Record<string, unknown>>>();

/** Gives a schema a name, and returns the same schema. */
export function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  schemaNames.add(schema, { ...schemaNames.get(schema), id });
  return schema;
}

/** Says what a value means, and returns the same schema. */
export function explained<Schema extends z.ZodType>(description: string, schema: Schema): Schema {
  schemaNames.add(schema, { ...schemaNames.get(schema), description });
  return schema;
}

/** For what is checked by code, which JSON Schema cannot say: the JSON Schema to write instead. Returns the same schema. */
export function writtenAs<Schema extends z.ZodType>(
  jsonSchema: Readonly<Record<string, unknown>>,
  schema: Schema,
): Schema {
  written.set(schema, jsonSchema);
  return schema;
}

export const jsonSchemaWrittenFor = (schema: object) => written.get(schema);

/** What most answers are: `{ "data": … }`. */
export const dataOf = <Value extends z.ZodType>(value: Value) => z.strictObject({ data: value });
