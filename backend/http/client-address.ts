// Who limits count by: the address, or the subject of a token.
// Tests: test/http/login-bounds.test.ts, test/http/problems.test.ts
import { isIP } from "node:net";
import type { Request } from "express";
import { ipKeyGenerator } from "express-rate-limit";

/**
 * The client's address, or its network for IPv6. Whoever speaks to a trusted proxy may have written any text of any length into
 * `X-Forwarded-For`: what is no address is counted as one client, and not remembered.
 */
export function clientAddress({ ip = "" }: Request): string {
  return isIP(ip) === 0 ? "unknown" : ipKeyGenerator(ip);
}

/** The token's subject, in its tenant; the address where there is no valid token. */
export function callerOf(req: Request): string {
  return req.auth ? `sub:${req.auth.tenantId ?? ""}:${req.auth.subject}` : `ip:${clientAddress(req)}`;
}
