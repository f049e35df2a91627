// How values are kept: the options of single calls, of namespaces and of collections, parsed once.
// Tests: test/unit/refusals/toolkit-options.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { parse, registerCall } from "../options/parse.js";
import { shown } from "../shown.js";
import {
  configuredTtl,
  isTtl,
  looksLikeMilliseconds,
  MAX_TTL_SECONDS,
  MAX_VALUE_TTL_SECONDS,
  ttlAdvice,
  ttlForm,
  ttlSecondsOf,
} from "../ttl-seconds.js";

/** Seconds, or a function of the value that returns them; 0 from the function: this value is not kept. */
export type Ttl<T> = number | ((value: T) => number);

export interface SetOptions<T = unknown> {
  /** Default: that of the namespace or collection, else the preset's `SHORT`. */
  readonly ttlSeconds?: Ttl<T>;
  /**
   * Shortens each TTL by a random share of at most this, between 0 and 1, so that what was filled together
   * does not expire together. Default 0.
   */
  readonly jitter?: number;
}

export interface SetOnceOptions<T = unknown> extends SetOptions<T> {
  /** Stores only where nothing is stored. Default false. */
  readonly nx?: boolean;
}

export interface GetOrSetOptions<T = unknown> extends SetOptions<T> {
  /**
   * For how long, after the TTL, the old value is returned while it is loaded again behind the answer,
   * seconds. Never one that has been deleted. Default 0.
   */
  readonly staleWhileRevalidate?: number;
  /**
   * Keeps "there is none" (the load resolved with `null` or `undefined`) for so long, seconds. Default 0: it
   * is not kept.
   */
  readonly negativeTtlSeconds?: number;
}

/** How the values of a namespace or a collection are kept. */
export interface ValueOptions<T = unknown> extends GetOrSetOptions<T> {
  /**
   * Values whose encoded form is larger than this, and no larger than `manager.maxInflatedBytes`, are
   * compressed, bytes. Default: none are.
   */
  readonly compressAboveBytes?: number;
  /** The most that a value may take as it is stored, bytes. Default 1 MiB. */
  readonly maxBytes?: number;
  /**
   * What `set` does with a larger one: reject with `ETC_VALUE_TOO_LARGE` (default), or store nothing and
   * resolve with false.
   */
  readonly onTooLarge?: "throw" | "skip";
  /** Demands that the cache has the option `encryption`, which encrypts everything in it. Default false. */
  readonly encrypt?: boolean;
  /**
   * Checks, and may transform, what was stored whenever it is read. A value that fails is a miss, removed,
   * and a counted alarm.
   */
  readonly schema?: ValueSchema<T>;
}

/**
 * Any Standard Schema (zod, valibot, arktype), or an object with zod's `safeParse` or a `parse` that throws.
 */
export type ValueSchema<T> =
  | {
      readonly "~standard": {
        validate(value: unknown): StandardResult<T> | Promise<StandardResult<T>>;
      };
    }
  | { safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false } }
  | { parse(value: unknown): T };

type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly unknown[] };

const MIB = 1024 * 1024;

const isTtlOrFunction = (value: unknown): boolean =>
  typeof value === "function" || isTtl(value, MAX_VALUE_TTL_SECONDS);
const seconds = z
  .int()
  .min(0)
  .max(MAX_TTL_SECONDS)
  .describe(`a whole number of seconds from 0 to ${MAX_TTL_SECONDS} (30 days)`);

/** @internal */
const full = z.strictObject({
  ttlSeconds: z
    .custom<number | ((value: unknown) => number)>(isTtlOrFunction, {
      error: ({ input }) => `${ttlAdvice(input, MAX_VALUE_TTL_SECONDS)}, or a function of the value`,
      params: { code: "ETC_TTL" },
    })
    .describe(`${ttlForm(MAX_VALUE_TTL_SECONDS)}, or a function of the value`),
  jitter: z.number().min(0).max(1),
  staleWhileRevalidate: seconds,
  negativeTtlSeconds: seconds,
  compressAboveBytes: z.int().min(0),
  maxBytes: z.int().positive(),
  onTooLarge: z.enum(["throw", "skip"]),
  encrypt: z.boolean(),
  schema: z.custom<ValueSchema<unknown>>(isSchema, {
    error: "write a Standard Schema, or an object with a method safeParse or parse",
  }),
  nx: z.boolean(),
});
const all = full.partial();

/**
 * What each call takes of them.
 * @internal
 */
const SCHEMAS = {
  set: all.pick({ ttlSeconds: true, jitter: true, nx: true }),
  mSet: all.pick({ ttlSeconds: true, jitter: true }),
  "an item of mSet": all.pick({ ttlSeconds: true, jitter: true, nx: true }),
  getOrSet: all.pick({
    ttlSeconds: true,
    jitter: true,
    staleWhileRevalidate: true,
    negativeTtlSeconds: true,
  }),
  update: all.pick({ ttlSeconds: true, jitter: true, staleWhileRevalidate: true, negativeTtlSeconds: true }),
  namespace: all.omit({ nx: true }),
  collection: all.omit({ nx: true }),
  "set of a collection": all.pick({ nx: true }),
} as const;

/**
 * The calls whose options these are, as messages name them.
 * @internal
 */
export type ValueCall = keyof typeof SCHEMAS;

registerCall("set", "set(key, value, { ttlSeconds: 60 })", SCHEMAS.set);
registerCall("mSet", "mSet([{ key, value }], { ttlSeconds: 60 })", SCHEMAS.mSet);
registerCall("an item of mSet", "mSet([{ key, value, ttlSeconds: 60 }])", SCHEMAS["an item of mSet"]);
registerCall("getOrSet", "getOrSet(key, load, { ttlSeconds: 60 })", SCHEMAS.getOrSet);
registerCall("update", "update(key, write, { ttlSeconds: 60 })", SCHEMAS.update);
registerCall("namespace", 'namespace("users", { ttlSeconds: 60 })', SCHEMAS.namespace);
registerCall("collection", 'collection("users:{id}", { ttlSeconds: 60 })', SCHEMAS.collection);
registerCall(
  "set of a collection",
  "set(tenantId, params, value, { nx: true })",
  SCHEMAS["set of a collection"],
);

/**
 * Calls that are written once and run when the program starts. Others may be given a number that was
 * computed.
 */
const CONFIGURED: readonly ValueCall[] = ["namespace", "collection"];

/** @internal */
type Full = z.output<typeof full>;
/**
 * Without a default.
 * @internal
 */
type Unset = "compressAboveBytes" | "schema";

/**
 * Parsed {@link ValueOptions}, with all defaults.
 * @internal
 */
export type ValueRules = Omit<Full, Unset> & { readonly [Name in Unset]?: Full[Name] | undefined };

/**
 * Options of one call, over those of the namespace or collection.
 *
 * @param options seconds, options, or nothing
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`
 * @internal
 */
export function parseValueOptions(call: ValueCall, options: unknown, defaults: ValueRules): ValueRules {
  if (options === undefined) return defaults;
  if (typeof options !== "object" || options === null) {
    const secondsOf = CONFIGURED.includes(call) ? configuredTtl : ttlSecondsOf;
    return { ...defaults, ttlSeconds: secondsOf(options, `${call}: ttlSeconds`, MAX_VALUE_TTL_SECONDS) };
  }
  const parsed = parse<z.output<typeof all>>(call, SCHEMAS[call], options);
  const { ttlSeconds } = parsed;
  // An hour in milliseconds is 41 days and some: longer than routes may say, also where the unit is written.
  const isLong = typeof ttlSeconds === "number" && ttlSeconds > MAX_TTL_SECONDS;
  if (isLong && CONFIGURED.includes(call) && looksLikeMilliseconds(ttlSeconds))
    throw new TenantCacheError(
      "ETC_TTL",
      `${call}: ttlSeconds is ${shown(ttlSeconds)}: a TTL is in seconds: for ${ttlSeconds} milliseconds write ${ttlSeconds / 1000}; above 30 days write whole days`,
    );
  const given = Object.entries(parsed).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/**
 * The rules of a cache whose namespaces and collections say nothing.
 * @internal
 */
export function defaultRules(ttlSeconds: number): ValueRules {
  return {
    ttlSeconds,
    jitter: 0,
    staleWhileRevalidate: 0,
    negativeTtlSeconds: 0,
    maxBytes: MIB,
    onTooLarge: "throw",
    encrypt: false,
    nx: false,
  };
}

function isSchema(value: unknown): boolean {
  if (typeof value !== "object" && typeof value !== "function") return false;
  if (value === null) return false;
  return (
    "~standard" in value ||
    ["safeParse", "parse"].some((name) => typeof Reflect.get(value, name) === "function")
  );
}
