// The option `authority`, of the cache and of routes: whether answers depend on the host that they were asked for.
import * as z from "zod";
import { type AuthorityRule, originOf } from "../express/authority.js";

export const authority = z.union(
  [
    z.literal(["key", "ignore"]),
    z
      .array(z.string().refine((host) => originOf("http", host) !== undefined))
      .min(1)
      .readonly(),
  ],
  {
    error:
      'must be "key" (answers may depend on the host; the default), "ignore" (they do not), or the hosts that the app answers to as requests name them, without scheme and path: ["api.example.com", "localhost"]',
  },
) satisfies z.ZodType<AuthorityRule>;
