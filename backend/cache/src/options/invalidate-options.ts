// The options of `invalidateCache`.
// Tests: test/unit/refusals/http-options.test.ts
import type { Request, Response } from "express";
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { shown } from "../shown.js";
import { fn, moduleNames, parse, positiveInt, registerCall } from "./parse.js";

export interface InvalidateOptions {
  readonly modules?: readonly string[];
  readonly tags?: (req: Request) => readonly string[];
  /**
   * Whether the request has changed anything, asked when the handler answers: tells mutations from queries
   * where both are sent to one URL. What throws counts as yes. Not with `guard`, which is told before the
   * handler runs. Default: yes, unless the answer is a 4xx.
   */
  readonly when?: (req: Request, res: Response) => boolean;
  /**
   * What happens where the store cannot be reached: `"defer"` (default) answers, and this process serves
   * nothing from the cache until the invalidation has been replayed; `"reject"` answers 503 before the
   * handler runs.
   */
  readonly onUnreachable?: "defer" | "reject";
  /**
   * Also covers a crash between commit and invalidation, at the price of a round trip before the handler.
   * Default false.
   */
  readonly guard?: boolean;
  /** How long a guarded write may take before it counts as crashed, milliseconds. Default 30,000. */
  readonly guardMs?: number;
}

/** @internal */
export const invalidateSchema = z.strictObject({
  modules: moduleNames.default([]),
  tags: fn<NonNullable<InvalidateOptions["tags"]>>('(req) => ["account-" + req.params.id]').optional(),
  when: fn<NonNullable<InvalidateOptions["when"]>>("(req) => isMutation(req.body)").optional(),
  onUnreachable: z.enum(["defer", "reject"]).default("defer"),
  guard: z.boolean().default(false),
  guardMs: positiveInt.default(30_000),
});

registerCall("invalidateCache", 'invalidateCache({ modules: ["accounts"] })', invalidateSchema);

/** @internal */
export type ParsedInvalidateOptions = z.output<typeof invalidateSchema>;

/**
 * Parses the arguments of `invalidateCache`: module names, or one options object.
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_MODULE_NAME`
 * @internal
 */
export function parseInvalidateArguments(args: readonly unknown[]): ParsedInvalidateOptions {
  const [first] = args;
  const isOptions = args.length === 1 && typeof first === "object" && !Array.isArray(first);
  if (!isOptions) refuseMixed(args);
  const options = isOptions ? first : { modules: args };
  const parsed = parse("invalidateCache", invalidateSchema, options);
  if (parsed.guard && parsed.when) {
    throw new TenantCacheError(
      "ETC_OPTIONS",
      "invalidateCache: guard and when are given: a guard is set before anybody knows; write guard: true on a route that changes something each time",
    );
  }
  if (parsed.modules.length > 0 || parsed.tags) return parsed;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    'invalidateCache: name at least one module, as in invalidateCache("accounts")',
  );
}

/** Names and options together, or the names as one array. */
function refuseMixed(args: readonly unknown[]): void {
  const odd = args.find((argument) => typeof argument === "object" && argument !== null);
  if (odd === undefined) return;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `invalidateCache takes module names, or one object, and not ${shown(odd)}: write ${
      Array.isArray(odd)
        ? 'invalidateCache("accounts", "contacts")'
        : 'invalidateCache({ modules: ["accounts", "contacts"], guard: true })'
    }`,
  );
}
