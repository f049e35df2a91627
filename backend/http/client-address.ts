// The address that limits count by.
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
