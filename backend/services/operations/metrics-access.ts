// Who may read /metrics: the bearer of the token; without one this machine alone, and in production nobody.
// Tests: test/http/metrics.test.ts
import { createHash, timingSafeEqual } from "node:crypto";
import type { Request } from "express";

export type MetricsAccess =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "this-machine" }
  | { readonly kind: "nobody" };

/** @param token of METRICS_TOKEN */
export function metricsAccess(token: string | undefined, isProduction: boolean): MetricsAccess {
  if (token !== undefined) return { kind: "token", token };
  return { kind: isProduction ? "nobody" : "this-machine" };
}

/** What figures of all tenants are shown to. */
export function mayReadMetrics(access: MetricsAccess, req: Request): boolean {
  if (access.kind === "token") return isSame(req.get("authorization") ?? "", `Bearer ${access.token}`);
  return access.kind === "this-machine" && isLocal(req);
}

/** The time that it takes says nothing of either. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

const FORWARDED = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/** From this machine, and not by a proxy on it, who asks for others. */
function isLocal(req: Request): boolean {
  const address = req.socket.remoteAddress ?? "";
  const isLoopback = address === "::1" || /^(?:::ffff:)?127\./.test(address);
  return isLoopback && FORWARDED.every((name) => req.headers[name] === undefined);
}
