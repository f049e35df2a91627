// The option `causes`: whether it is kept who has invalidated what, and under which pseudonyms.
// Tests: test/unit/refusals/cache-options.test.ts, test/integration/causes.test.ts
import * as z from "zod";
import { positiveInt } from "./parse.js";

export type CausesOption =
  | false
  | {
      /**
       * The key of the pseudonyms, the same in all processes. Default none: who knows the subjects can then find
       * out which is which.
       */
      readonly secret?: string | Uint8Array;
      /** About so many are kept of each tenant. Default 1,000. */
      readonly maxPerTenant?: number;
    };

/** @internal */
export const causesOption = z
  .union([
    z.literal(false),
    z.strictObject({
      secret: z
        .custom<string | Uint8Array>(
          (value) => (typeof value === "string" || value instanceof Uint8Array) && value.length >= 16,
          { error: "write a text or Buffer of 16 characters or bytes at least, the same in all processes" },
        )
        .optional(),
      maxPerTenant: positiveInt.max(100_000).default(1000),
    }),
  ])
  .prefault({});
