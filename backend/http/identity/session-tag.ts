// The cache tag of a token: what a logout invalidates, so that the lane, which asks nobody else, stops at once.
// Tests: test/http/lane.test.ts
import { createHash } from "node:crypto";
import type { Auth } from "./auth.js";

// What a tag may hold beside the prefix; ids of identity providers may be anything.
const PLAIN_ID = /^[A-Za-z0-9._@-]{1,100}$/;

/** `session-<jti>`, or the id's hash where it cannot be part of a tag. `undefined` for a token without id: nothing can revoke it. */
export function sessionTag({ jti }: Pick<Auth, "jti">): string | undefined {
  if (jti === undefined) return undefined;
  return `session-${PLAIN_ID.test(jti) ? jti : createHash("sha256").update(jti).digest("hex")}`;
}
