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
      /**
       * `invalidated` of `cache.events` is also told of what other processes with this option have invalidated in the
       * same Redis: by its channels, over a connection of its own. Default false.
       */
      readonly shared?: boolean;
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
      shared: z.boolean().default(false),
    }),
  ])
  .prefault({});
