// Whether a POST comes from a form of this console: its origin, and a token under a secret that the browser alone holds.
// Tests: test/integration/console-access.test.ts
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { forwardedHeader, isSecure } from "./proxies.js";

const SECRET = /^[A-Za-z0-9_-]{43}$/;

/** The secret that the browser has sent in its cookie, or a new one, which it is sent. */
export function secretOf(req: IncomingMessage, res: ServerResponse): string {
  const known = sentSecret(req);
  if (known !== undefined) return known;
  const secret = randomBytes(32).toString("base64url");
  const more = isSecure(req) ? "; Secure" : "";
  res.appendHeader("Set-Cookie", `${cookieName(req)}=${secret}; Path=/; HttpOnly; SameSite=Strict${more}`);
  return secret;
}

export function sentSecret(req: IncomingMessage): string | undefined {
  const name = cookieName(req);
  for (const pair of (req.headers.cookie ?? "").split(";")) {
    const [key = "", value = ""] = pair.trim().split("=", 2);
    if (key === name && SECRET.test(value)) return value;
  }
  return undefined;
}

/** The prefix has the browser refuse the cookie of another host of the domain (RFC 6265bis section 4.1.3.2). */
function cookieName(req: IncomingMessage): string {
  return isSecure(req) ? "__Host-etc-console" : "etc-console";
}

/** Signs for the browser that holds the secret. Texts are kept apart. */
export function sign(secret: string, ...texts: readonly string[]): string {
  return createHmac("sha256", secret).update(JSON.stringify(texts)).digest("base64url");
}

export function isSigned(
  signature: string | undefined,
  secret: string,
  ...texts: readonly string[]
): boolean {
  const [given, wanted] = [Buffer.from(signature ?? ""), Buffer.from(sign(secret, ...texts))];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A browser that sends neither header is none that can be protected; what is no browser has no business here. */
export function isSameOrigin(req: IncomingMessage): boolean {
  const site = req.headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  const { origin } = req.headers;
  const host = forwardedHeader(req, "x-forwarded-host") ?? req.headers.host;
  if (origin === undefined || host === undefined || !URL.canParse(origin)) return false;
  const { protocol, host: from } = new URL(origin);
  const own = `${protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === from;
}
