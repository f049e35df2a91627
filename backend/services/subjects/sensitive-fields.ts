// Takes the sensitive fields out of a record, puts them back, and makes what a log may show.
// Tests: test/unit/sensitive-fields.test.ts
import type * as z from "zod";
import { type Plan, planOf } from "./sensitive-plan.js";

export { sensitive } from "./sensitive-plan.js";

type Path = readonly (string | number)[];
type Json = Readonly<Record<string, unknown>>;

export interface SplitRecord {
  /** The record without its sensitive fields. */
  readonly readable: Json;
  /** Those, with where they belong. */
  readonly secrets: readonly (readonly [path: Path, value: unknown])[];
}

const ABSENT = Symbol("absent");
const SHOWN_AS = "[sensitive]";

/** @param record JSON; a field that is `undefined` is none */
export function splitRecord(schema: z.ZodType, record: unknown): SplitRecord {
  const secrets: [Path, unknown][] = [];
  const readable = walk(planOf(schema), record, [], (path, value) => {
    secrets.push([path, value]);
    return ABSENT;
  });
  return { readable: isJsonObject(readable) ? readable : {}, secrets };
}

/** The record again; `undefined` where the fields do not fit what is readable. */
export function joinRecord({ readable, secrets }: SplitRecord): unknown | undefined {
  // As JSON, which is what it is.
  let root: unknown = JSON.parse(JSON.stringify(readable));
  for (const [path, value] of secrets) {
    const last = path.at(-1);
    if (last === undefined) {
      root = value;
      continue;
    }
    let place: unknown = root;
    for (const step of path.slice(0, -1)) place = ownPart(place, step);
    if (typeof place !== "object" || place === null) return undefined;
    // Not an assignment: a field may be called "__proto__".
    Object.defineProperty(place, last, { value, writable: true, enumerable: true, configurable: true });
  }
  return root;
}

/**
 * A pino serializer of records of that schema, which shows no sensitive field:
 * `pino({ serializers: { client: logSerializer(clientSchema) } })`.
 */
export function logSerializer(schema: z.ZodType): (record: unknown) => unknown {
  const plan = planOf(schema);
  return (record) => {
    const shown = walk(plan, record, [], () => SHOWN_AS);
    return shown === ABSENT ? undefined : shown;
  };
}

function walk(
  plan: Plan,
  value: unknown,
  path: Path,
  hide: (path: Path, value: unknown) => unknown,
): unknown {
  if (value === undefined) return ABSENT;
  if (plan.kind === "plain") return value;
  if (plan.kind === "object" && isJsonObject(value)) {
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, part]) => [name, walk(plan.field(name), part, [...path, name], hide)] as const)
        .filter(([, part]) => part !== ABSENT),
    );
  }
  if (plan.kind === "array" && Array.isArray(value)) {
    // One that is of another kind than the schema says leaves its place to null.
    return value.map((part: unknown, index) => {
      const shown = walk(plan.element(), part, [...path, index], hide);
      return shown === ABSENT ? null : shown;
    });
  }
  return hide(path, value);
}

function ownPart(value: unknown, step: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  return Object.getOwnPropertyDescriptor(value, step)?.value;
}

function isJsonObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
