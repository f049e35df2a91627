// The options of `cache.operations`, and what its `authorize` returns.
// Tests: test/integration/operations-access.test.ts
import type { EventEmitter } from "node:events";
import type { Request } from "express";
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import type { TenantId } from "../identifiers.js";
import { shown } from "../shown.js";
import type { ExplainRequest } from "./explain-options.js";
import { fn, parse, registerCall } from "./parse.js";

/** What whoever asks may see and do. */
export interface OperationsAccess {
  /** False: nothing is answered. */
  readonly view: boolean;
  /** Of which tenants: nothing is told of others, neither names nor sums. `"all"` is for operators of the whole. */
  readonly tenants: "all" | readonly TenantId[];
  /** Whether what these tenants have may be purged. Default false. */
  readonly purge?: boolean;
  /** Whether warm-ups may be started for them. Default false. */
  readonly warm?: boolean;
  /** Who it is: rates are counted by it, and a purge is put down to it. Default `"someone"`. */
  readonly name?: string;
}

/** A run of a `CacheWarmer`, as far as operations tell of it. */
export interface OperatedRun {
  readonly name: string;
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly durationMs?: number;
  readonly error?: Error;
  readonly taskErrors?: readonly Error[];
}

/** A `CacheWarmer`, as far as operations need it. */
export interface OperatedWarmer extends Pick<EventEmitter, "on"> {
  readonly names: readonly string[];
  warm(name: string, options?: { readonly tenantIds?: readonly string[] | undefined }): Promise<OperatedRun>;
}

export interface OperationsOptions {
  /** Decides for each request who asks and what they may: from a session or a token, never from what a client claims. */
  readonly authorize: (
    req: Request,
  ) => OperationsAccess | false | undefined | Promise<OperationsAccess | false | undefined>;
  /** The app's own. Default: none, and no warm-ups. */
  readonly warmer?: OperatedWarmer;
  /**
   * For explanations: how the app is to know whose the explained request is. `req` is the operator's own, `tenant` one
   * that `authorize` allows, `undefined` where all may be seen and none is named. Headers that are asked for by name
   * win. Default: it is asked without a login.
   */
  readonly explainAs?: (
    req: Request,
    tenant: string | undefined,
  ) => Pick<ExplainRequest, "headers" | "as"> | Promise<Pick<ExplainRequest, "headers" | "as">>;
}

const hasMethods = (...methods: readonly string[]) => {
  return (value: unknown) =>
    methods.every((method) => typeof Reflect.get(Object(value), method) === "function");
};

const operationsSchema = z.strictObject({
  authorize: fn<OperationsOptions["authorize"]>(
    '(req) => req.auth?.isOperator && { view: true, tenants: "all" }',
  ),
  warmer: z
    .custom<OperatedWarmer>(hasMethods("on", "warm"), { error: "write the app's CacheWarmer" })
    .optional(),
  explainAs: fn<NonNullable<OperationsOptions["explainAs"]>>(
    "(req, tenant) => ({ headers: { authorization: tokenFor(tenant) } })",
  ).optional(),
});

registerCall("operations", "operations({ authorize: (req) => accessOf(req.auth) })", operationsSchema);

/** @internal */
export type ParsedOperationsOptions = z.output<typeof operationsSchema>;

/**
 * @throws TenantCacheError `ETC_OPTIONS`
 * @internal
 */
export function parseOperationsOptions(options: unknown): ParsedOperationsOptions {
  return parse("operations", operationsSchema, options);
}

const MAX_NAME_CHARACTERS = 100;

const access = z.union([
  z.literal(false),
  z.undefined(),
  z.strictObject({
    view: z.boolean(),
    tenants: z.union([z.literal("all"), z.array(z.union([z.string(), z.number(), z.bigint()]))]),
    purge: z.boolean().default(false),
    warm: z.boolean().default(false),
    name: z.string().min(1).default("someone"),
  }),
]);

/** @internal */
export type ParsedAccess = Exclude<z.output<typeof access>, false | undefined>;

/**
 * What `authorize` has returned; `undefined` for nobody. A name is cut at 100 characters.
 * @throws TenantCacheError `ETC_OPERATIONS_ACCESS`
 * @internal
 */
export function parseAccess(returned: unknown): ParsedAccess | undefined {
  const parsed = access.safeParse(returned);
  if (parsed.success) {
    const { data } = parsed;
    if (data === undefined || data === false || !data.view) return undefined;
    return { ...data, name: data.name.slice(0, MAX_NAME_CHARACTERS) };
  }
  throw new TenantCacheError(
    "ETC_OPERATIONS_ACCESS",
    `authorize of operations returned ${shown(returned)}: return { view: true, tenants: "all", purge: false, warm: false }, tenants as an array of ids, or false`,
  );
}
