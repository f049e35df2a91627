// What a schema takes, in words: for refusals, which say what to write instead. Knows no option by name.
// Tests: test/unit/refusals/schema.test.ts
import * as z from "zod";
import { listed } from "../shown.js";

/** A schema as JSON Schema describes it: what a check of the schema's own takes is not in it. */
export type Wanted = z.core.JSONSchema.BaseSchema;

export function describe(schema: z.core.$ZodType): Wanted {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

/** The options that an object takes, by name. */
export function knownOptions({ properties = {} }: Wanted): ReadonlyMap<string, Wanted> {
  return new Map(Object.entries(properties) as [string, Wanted][]);
}

/** What is wanted at a path: `["local", "maxBytes"]`, `["statuses", 0]`. */
export function wantedAt(wanted: Wanted, path: readonly PropertyKey[]): Wanted {
  return path.reduce<Wanted>((at, key) => step(at, key) ?? {}, wanted);
}

function step(at: Wanted, key: PropertyKey): Wanted | undefined {
  for (const form of at.anyOf ?? []) {
    const within = step(form as Wanted, key);
    if (within) return within;
  }
  const next = typeof key === "number" ? (at.items ?? at.prefixItems?.[0]) : at.properties?.[String(key)];
  return typeof next === "object" && !Array.isArray(next) ? next : undefined;
}

/**
 * `a whole number of milliseconds from 1 to 10000, for example 50`; `true or false`; `"md5" or "sha256"`.
 * Empty where the schema does not say: a check of its own, whose `error` or `describe` should.
 *
 * @param name of the option, which tells its unit
 */
export function inWords(wanted: Wanted, name: string): string {
  const text = withoutExample(wanted, name);
  const { default: example, description } = wanted;
  const isTold = description !== undefined || example === "" || typeof example === "object";
  return text === "" || example === undefined || isTold
    ? text
    : `${text}, for example ${JSON.stringify(example)}`;
}

function withoutExample(wanted: Wanted, name: string): string {
  const { description, anyOf, const: literal, enum: values, type } = wanted;
  if (description !== undefined) return description;
  if (anyOf)
    return anyOf
      .map((one) => withoutExample(one as Wanted, name))
      .filter(Boolean)
      .join(" or ");
  if (typeof literal === "boolean") return String(literal);
  if (literal !== undefined || values) return listed((values ?? [literal]).map(String));
  switch (type) {
    case "string":
      return "a string";
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return `a ${type === "integer" ? "whole " : ""}number${limits(wanted, name)}`;
    case "array":
      return `an array${ofMany(wantedAt(wanted, [0]), name)}`;
    case "object":
      return objectWith([...knownOptions(wanted).keys()]);
    default:
      return "";
  }
}

function objectWith(names: readonly string[]): string {
  return names.length === 0 ? "an object" : `an object { ${names.join(", ")} }`;
}

function ofMany(item: Wanted, name: string): string {
  const text = withoutExample(item, name).replace(/^an? /, "");
  if (item.description !== undefined) return `, each item ${item.description}`;
  const plural = /^(?:whole )?(string|number|object)/.exec(text)?.[0];
  return plural === undefined ? "" : ` of ${text.replace(plural, `${plural}s`)}`;
}

const UNITS = [
  [/Ms$/, "milliseconds"],
  [/Seconds$/, "seconds"],
  [/Bytes/, "bytes"],
] as const;

function limits({ type, ...wanted }: Wanted, name: string): string {
  const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1];
  const of = unit === undefined ? "" : ` of ${unit}`;
  const above = bound(wanted.exclusiveMinimum);
  // A whole number above 0 is one from 1.
  const min = above !== undefined && type === "integer" ? above + 1 : bound(wanted.minimum);
  const max = bound(wanted.maximum);
  if (min !== undefined) return `${of} from ${min}${max === undefined ? " up" : ` to ${max}`}`;
  const atMost = max === undefined ? "" : ` of at most ${max}`;
  return above === undefined ? `${of}${atMost}` : `${of} above ${above}${atMost && ` and${atMost.slice(3)}`}`;
}

/** Those of every safe integer are none. */
function bound(value: unknown): number | undefined {
  return typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
}
