// How options are parsed: once, unknown ones refused, and every refusal says what to write instead.
// Tests: test/unit/refusals/cache-options.test.ts, test/unit/refusals/schema.test.ts
import * as z from "zod";
import { TenantCacheError, type TenantCacheErrorCode } from "../errors.js";
import { isModuleName, moduleNameAdvice } from "../identifiers.js";
import { isThenable } from "../shown.js";
import { type DescribedCall, refusalOf } from "./refusal.js";
import { describe, knownOptions, type Wanted } from "./wanted.js";

export const fn = <T>(example = "") => {
  const wanted = `a function${example && `, for example ${example}`}`;
  return z.custom<T>((value) => typeof value === "function", { error: `write ${wanted}` }).describe(wanted);
};
export const positiveInt = z.int().positive();

/** What Node's timers take: a longer one ends after a millisecond. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Of a timer. */
export const timerMs = (leastMs: number) => z.int().min(leastMs).max(MAX_TIMER_MS);
export const moduleNames = z.array(
  z
    .custom<string>(isModuleName, {
      error: ({ input }) => moduleNameAdvice(input),
      params: { code: "ETC_MODULE_NAME" },
    })
    .describe('a module name such as "accounts"'),
);

/**
 * All calls that take options, by name.
 * @internal
 */
export const calls = new Map<string, DescribedCall>();

/**
 * Names the call that takes these options, so that refusals can say how it is written, and which call an
 * option belongs to.
 *
 * @param example the call as it should be written
 */
export function registerCall(call: string, example: string, schema: z.core.$ZodType): void {
  calls.set(call, { schema, example });
}

/**
 * @param call its name
 * @throws TenantCacheError `ETC_OPTIONS`, or the code that the schema of what is wrong has among its `params`
 */
export function parse<T>(call: string, schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(isForeign(options) ? null : options, { error: () => "" });
  const foreign = foreignGroups(schema, options);
  if (result.success && foreign.length === 0) return result.data;
  const issues = result.success || foreign.length > 0 ? foreign : result.error.issues;
  const code = codeOf(issues[0]) ?? "ETC_OPTIONS";
  throw new TenantCacheError(code as TenantCacheErrorCode, refusalOf(call, options, issues, calls));
}

/** Of a union: what is wrong within the form that was meant. */
function codeOf(issue: z.core.$ZodIssue | undefined): unknown {
  if (issue?.code === "custom") return issue.params?.code;
  return issue?.code === "invalid_union" ? issue.errors.flat().map(codeOf).find(Boolean) : undefined;
}

/** What zod takes for an object without options: a promise of options, a `Map`, a `Date`. */
function isForeign(options: unknown): boolean {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return false;
  return isThenable(options) || Object.prototype.toString.call(options) !== "[object Object]";
}

/** Where a group of options is wanted, they would be a group without any. */
function foreignGroups(schema: z.core.$ZodType, options: unknown): z.core.$ZodIssue[] {
  const foreign = Object.entries(options ?? {}).filter(([, value]) => isForeign(value));
  if (foreign.length === 0) return [];
  const known = knownOptions(describe(schema));
  return foreign
    .filter(([name]) => isGroup(known.get(name)))
    .map(([name]) => ({ code: "custom", path: [name], message: "", input: undefined }));
}

function isGroup(wanted: Wanted | undefined): boolean {
  if (wanted?.anyOf) return wanted.anyOf.some((form) => isGroup(form as Wanted));
  return wanted?.type === "object";
}
