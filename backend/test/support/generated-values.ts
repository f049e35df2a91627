// Values that a JSON Schema of the OpenAPI description allows, as arbitraries of fast-check.
import fc from "fast-check";

// biome-ignore lint/suspicious/noExplicitAny: a JSON Schema
export type Schema = any;

/** Long enough to meet what is special about text, short enough to be quick. */
const MAX_LENGTH = 40;
const MAX_NUMBER = 1_000_000;
const SOME_TEXT = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("Zoë", "O'Hara & Söhne", "北京", "0"),
);

/** @param resolve what a `$ref` stands for */
export function valuesOf(schema: Schema, resolve: (ref: string) => Schema): fc.Arbitrary<unknown> {
  const inner = (each: Schema) => valuesOf(each, resolve);
  if (schema.$ref) return inner(resolve(schema.$ref));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf)
    return fc.oneof(...schema.anyOf.map((each: Schema) => inner({ ...schema, anyOf: undefined, ...each })));
  if (Array.isArray(schema.type))
    return fc.oneof(...schema.type.map((type: string) => inner({ ...schema, type })));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? -MAX_NUMBER, -MAX_NUMBER),
        max: Math.min(schema.maximum ?? MAX_NUMBER, MAX_NUMBER),
      });
    case "number":
      return inner({ ...schema, type: "integer" }).map((whole) =>
        Number(whole) % 2 === 0 ? whole : Number(whole) / 2,
      );
    case "array":
      return fc.array(inner(schema.items), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries<Schema>(schema.properties ?? {}).map(([name, each]) => [name, inner(each)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case "string":
      return textsOf(schema);
    default:
      throw new Error(`no values are known for ${JSON.stringify(schema)}`);
  }
}

function textsOf({ format, pattern, minLength = 0, maxLength = MAX_LENGTH }: Schema): fc.Arbitrary<unknown> {
  const day = fc
    .date({ min: new Date("1000-01-01"), max: new Date("9998-12-31"), noInvalidDate: true })
    .map((moment) => moment.toISOString());
  if (format === "uuid") return fc.uuid();
  if (format === "date") return day.map((moment) => moment.slice(0, 10));
  if (format === "date-time") return day;
  if (format === "email") return fc.nat().map((n) => `somebody.${n}@example.com`);
  if (format === "uri") return fc.nat().map((n) => `https://${n}.example.com/x`);
  // Trimmed, what is blank is too short. Lengths are of code points (JSON Schema Validation section 6.3).
  const fits = (text: string) => [...text.trim()].length >= minLength && [...text].length <= maxLength;
  if (pattern === undefined) return SOME_TEXT.filter(fits);
  const expression = new RegExp(pattern, "u");
  const matching = pattern.includes("\\p{") ? SOME_TEXT : fc.stringMatching(new RegExp(pattern));
  return matching.filter((text) => fits(text) && expression.test(text.trim()));
}

/** The same value, once for each way in which it is no longer what its schema says: with what was done to it. */
export function* broken(
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
): Generator<readonly [how: string, value: Record<string, unknown>]> {
  yield ["an unknown property", { ...value, nobody_knows: 1 }];
  for (const name of schema.required ?? []) {
    const { [name]: _dropped, ...rest } = value;
    yield [`without ${name}`, rest];
  }
  for (const name of Object.keys(schema.properties ?? {}))
    yield [`${name} is a list of lists`, { ...value, [name]: [[]] }];
}
