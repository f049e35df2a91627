// Which parts of a record a schema marks as sensitive.
// Tests: test/unit/sensitive-fields.test.ts
import * as z from "zod";

/** Zod's global registry is left alone: another library may use it. */
const marks = z.registry<{ readonly isSensitive: true }>();

/**
 * Marks a field whose value is sealed, and never logged. Put it around the field as it is used,
 * `sensitive(z.string().max(80)).optional()`: what makes a new object schema of a marked one (`extend`,
 * `pick`) leaves the mark behind.
 */
export function sensitive<T extends z.ZodType>(schema: T): T {
  // A copy: the schema itself may be used elsewhere. What is made of the copy (`.min(1)`) inherits the mark.
  const marked = schema.clone();
  marks.add(marked, { isSensitive: true });
  return marked;
}

/**
 * What becomes of the parts of a value. Doubt is on the side of the sensitive: what the schema does not name,
 * what is of another kind than it says, and all of a union, a tuple or a transformation that has a mark
 * anywhere in it.
 */
export type Plan =
  | { readonly kind: "plain" | "sensitive" }
  | { readonly kind: "object"; readonly field: (name: string) => Plan }
  | { readonly kind: "array"; readonly element: () => Plan };

const PLAIN: Plan = { kind: "plain" };
const SENSITIVE: Plan = { kind: "sensitive" };

/** What loose and strict objects say of fields that they do not name. */
const SAYS_NOTHING = new Set(["unknown", "never", "any"]);

const plans = new WeakMap<z.ZodType, Plan>();

/** Made once for each schema. */
export function planOf(schema: z.ZodType): Plan {
  const known = plans.get(schema);
  if (known) return known;
  const plan = makePlan(schema);
  plans.set(schema, plan);
  return plan;
}

/** The parts of zod's definitions that hold other schemas. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly out?: z.ZodType;
  readonly getter?: () => z.ZodType;
}

const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as Definition;
const isMarked = (schema: z.ZodType) => marks.get(schema)?.isSensitive === true;

function makePlan(schema: z.ZodType): Plan {
  if (isMarked(schema)) return SENSITIVE;
  const {
    type,
    innerType,
    shape,
    catchall,
    element,
    valueType,
    in: input,
    out,
    getter,
  } = definitionOf(schema);
  if (innerType) return planOf(innerType);
  if (getter) return planOf(getter());
  // A transformation may put anything anywhere; what a schema checks behind one is as that schema says.
  if (input && out && !hasMarks(input)) return planOf(out);
  if (type === "object" && shape) {
    const isNamed = (name: string) => Object.hasOwn(shape, name);
    const rest = catchall && !SAYS_NOTHING.has(definitionOf(catchall).type) ? catchall : undefined;
    return {
      kind: "object",
      field: (name) => {
        const field = isNamed(name) ? shape[name] : rest;
        return field ? planOf(field) : SENSITIVE;
      },
    };
  }
  if (!hasMarks(schema)) return PLAIN;
  if (type === "array" && element)
    return isSensitive(element) ? SENSITIVE : { kind: "array", element: () => planOf(element) };
  if (type === "record" && valueType)
    return isSensitive(valueType) ? SENSITIVE : { kind: "object", field: () => planOf(valueType) };
  return SENSITIVE;
}

/** How many there are would be told by what stays. */
const isSensitive = (schema: z.ZodType) => planOf(schema).kind === "sensitive";

/** Whether anything within is marked. */
function hasMarks(schema: z.ZodType): boolean {
  const seen = new Set<unknown>();
  const search = (value: unknown): boolean => {
    if (typeof value !== "object" || value === null || seen.has(value)) return false;
    seen.add(value);
    if (isSchema(value)) {
      if (isMarked(value)) return true;
      const { getter } = definitionOf(value);
      return search(getter ? getter() : value._zod.def);
    }
    return (Array.isArray(value) ? value : Object.values(value)).some(search);
  };
  return search(schema);
}

const isSchema = (value: object): value is z.ZodType => "_zod" in value;
