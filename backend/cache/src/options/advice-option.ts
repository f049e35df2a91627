// The option `advice` of `createTenantCache`.
// Tests: test/integration/advice.test.ts
import type { Request, Response } from "express";
import * as z from "zod";
import { fn } from "./parse.js";

/** See `docs/operate/advice.md`. */
export interface AdviceOption {
  /** False: nothing is sampled. Default true. */
  readonly enabled?: boolean;
  /**
   * True: nothing is looked up and nothing stored, on no route and by no value of `cache.manager`; all is
   * observed as by `cache.observe`, with the TTLs that it would have. Mutations still invalidate. Default
   * false.
   */
  readonly observeOnly?: boolean;
  /**
   * How many queries the handler has made, asked when it has answered: `(req, res) => res.locals.queries`.
   * Default: nobody knows.
   */
  readonly queries?: (req: Request, res: Response) => number | undefined;
}

/** @internal */
export const adviceOption = z
  .strictObject({
    enabled: z.boolean().default(true),
    observeOnly: z.boolean().default(false),
    queries: fn<NonNullable<AdviceOption["queries"]>>("(req, res) => res.locals.queries").optional(),
  })
  .refine(({ enabled, observeOnly }) => enabled || !observeOnly, {
    error: "observeOnly observes for cache.advice(), and enabled is false: leave one of them out",
  })
  .prefault({});
