// The text of a refusal: which option, what was given, and what to write instead, out of the schema that refused it.
// Tests: test/unit/refusals/cache-options.test.ts, test/unit/refusals/schema.test.ts
import type * as z from "zod";
import { fold, nearest } from "../nearest.js";
import { isThenable, shown } from "../shown.js";
import { adviceOn, synonymsOf } from "./synonyms.js";
import { describe, inWords, knownOptions, type Wanted, wantedAt } from "./wanted.js";

/** A call that takes options, and how it should be written. */
export type DescribedCall = Readonly<{ schema: z.core.$ZodType; example: string }>;

/** All calls, by name: an option may have been given to the wrong one. */
export type Calls = ReadonlyMap<string, DescribedCall>;

type Issue = z.core.$ZodIssue;

const SECRET = /secret|password/i;

/** One sentence for each thing that is wrong. */
export function refusalOf(call: string, options: unknown, issues: readonly Issue[], calls: Calls): string {
  const { schema, example } = calls.get(call) ?? { schema: undefined, example: undefined };
  const wanted = schema ? describe(schema) : {};
  const sentences = issues.flatMap(withinUnions).flatMap((issue) => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => unknown(call, [...issue.path, key], options, wanted, calls));
    if (issue.path.length === 0 && issue.code === "invalid_type")
      return `the options are ${kindOf(options)}: write ${example}`;
    return wrong(issue, options, wanted);
  });
  return `${call}: ${sentences.join("; ")}`;
}

/** Of a union in which one form was meant (an object, an array): what is wrong within it. */
function withinUnions(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union" || issue.message !== "") return [issue];
  const meant = issue.errors.find((form) => form.every(({ path }) => path.length > 0) && form.length > 0);
  return meant ? meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) : [issue];
}

function wrong(issue: Issue, options: unknown, wanted: Wanted): string {
  const given = valueAt(options, issue.path);
  const name = String(issue.path.findLast((key) => typeof key === "string") ?? "");
  const words = inWords(wantedAt(wanted, issue.path), name);
  // Schemas that check for themselves say what must be; the others say nothing, and are described.
  const own = issue.message.replace(/^must be /, "write ").replace(/^must have /, "write one that has ");
  const advice = own || (words === "" ? "write another value" : `write ${words}`);
  const is = given === undefined ? "is missing" : `is ${SECRET.test(name) ? kindOf(given) : shown(given)}`;
  return `${pathOf(issue.path)} ${is}: ${isThenable(given) ? `await it first, and ${advice}` : advice}`;
}

/** Not what it is: messages are logged. */
function kindOf(value: unknown): string {
  return typeof value === "string" ? "a string" : shown(value);
}

function unknown(
  call: string,
  path: readonly PropertyKey[],
  options: unknown,
  wanted: Wanted,
  calls: Calls,
): string {
  const name = String(path.at(-1));
  const above = path.slice(0, -1);
  const known = knownOptions(wantedAt(wanted, above));
  const meant = meantBy(name, known);
  const elsewhere = above.length === 0 ? adviceElsewhere(call, name, calls) : undefined;
  const advice = meant
    ? `write ${written(meant, above, known)}`
    : (adviceOn(fold(name)) ?? elsewhere ?? nearestOf(name, above, known));
  return `there is no option ${pathOf(path)} (${kindOf(valueAt(options, path))}): ${advice}`;
}

/** The same but for its spelling, a synonym, or one of a group: `maxBytes` for `memory.maxBytes`. */
function meantBy(name: string, known: ReadonlyMap<string, Wanted>): string | undefined {
  const folded = fold(name);
  const isKnown = (path: string): boolean => {
    const [group = "", inner] = path.split(".");
    const wanted = known.get(group);
    return wanted !== undefined && (inner === undefined || knownOptions(wanted).has(inner));
  };
  const respelt = [...known.keys()].find((candidate) => fold(candidate) === folded);
  const synonyms = synonymsOf(folded);
  // Within the group itself its options have no other name.
  const ofGroup = () => synonyms.map((path) => path.split(".").at(-1) ?? "").find((path) => known.has(path));
  return respelt ?? synonyms.find(isKnown) ?? ofGroup() ?? groupedAs(name, known);
}

function groupedAs(name: string, known: ReadonlyMap<string, Wanted>): string | undefined {
  for (const [group, wanted] of known) if (knownOptions(wanted).has(name)) return `${group}.${name}`;
  return undefined;
}

function written(option: string, above: readonly PropertyKey[], known: ReadonlyMap<string, Wanted>): string {
  const [group = "", inner] = option.split(".");
  if (inner !== undefined) return `${pathOf(above, ".")}${group}: { ${inner} }`;
  const words = inWords(known.get(option) ?? {}, option);
  return `${pathOf(above, ".")}${option}${words === "" ? "" : `, ${words}`}`;
}

/** Calls whose options are taken for each other's, the likeliest first. */
const KIN = [
  ["createTenantCache", "cacheList", "invalidateCache", "lane"],
  ["set", "getOrSet", "namespace", "collection", "mSet", "an item of mSet", "update", "set of a collection"],
];

function adviceElsewhere(call: string, name: string, calls: Calls): string | undefined {
  for (const other of KIN.find((kin) => kin.includes(call)) ?? []) {
    const options = other === call ? undefined : calls.get(other);
    const meant = options && meantBy(name, knownOptions(describe(options.schema)));
    if (!meant) continue;
    const inner = meant.split(".").reduceRight((rest, part) => `{ ${part}: ${rest} }`, "…");
    return `it belongs to ${other}: write ${options.example.replace(/\{.*\}/, inner)}`;
  }
  return undefined;
}

function nearestOf(name: string, above: readonly PropertyKey[], known: ReadonlyMap<string, Wanted>): string {
  const near = nearest(name, known.keys());
  if (near !== undefined) return `write ${written(near, above, known)}`;
  return known.size === 0 ? "leave it out" : `write one of ${[...known.keys()].join(", ")}, or leave it out`;
}

function valueAt(options: unknown, path: readonly PropertyKey[]): unknown {
  let value = options;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value;
}

/** `local.maxBytes`, `encryption.keys[0].secret`; with an end, where something follows. */
function pathOf(path: readonly PropertyKey[], end = ""): string {
  let text = "";
  for (const key of path)
    text += typeof key === "number" ? `[${key}]` : `${text === "" ? "" : "."}${String(key)}`;
  return text === "" ? "" : `${text}${end}`;
}
