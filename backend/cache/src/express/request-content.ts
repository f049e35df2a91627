// What a request with a body asks for: the method, what kind of body it is, and the body in a form that does not depend on its spelling.
// Tests: test/integration/queries.test.ts
import { hash } from "node:crypto";
import type { Request } from "express";
import type { BypassReason } from "../cache-status.js";
import { fieldOf, hasBody } from "./request-fields.js";
import { canonicalData } from "./request-key.js";

/**
 * @param maxBytes of the body's canonical form
 * @returns the text that stands for it in the key; empty for GET and HEAD, whose bodies have no meaning (RFC
 *   9110 section 9.3.1)
 */
export function contentOf(req: Request, maxBytes: number): string | { readonly bypass: BypassReason } {
  const { method } = req;
  if (method === "GET" || method === "HEAD") return "";
  const body: unknown = req.body;
  const type = typeOf(req);
  if (!isAllOfIt(req, type, body)) return { bypass: "body" };
  const bytes = Buffer.isBuffer(body) ? body : undefined;
  const text = bytes ? bytes.toString("base64") : canonicalData(body);
  if (text === undefined) return { bypass: "body" };
  if (Buffer.byteLength(text) > maxBytes) return { bypass: "too-long" };
  // The digest stands for the body: two bodies with one are not to be had.
  return JSON.stringify([method, type, bytes ? "bytes" : "data", hash("sha256", text, "base64url")]);
}

/** Whether `body` is what the request carries: what nobody has parsed, its handler may, and nobody else may then. */
function isAllOfIt(req: Request, type: string, body: unknown): boolean {
  if (!hasBody(req)) return true;
  // Files of a form are beside its fields, wherever the parser puts them.
  if (body === undefined || type.startsWith("multipart/")) return false;
  // Parsers of Express 4 say {} of what they leave to others.
  return req.readableDidRead !== false || !isEmptyObject(body);
}

function isEmptyObject(body: unknown): boolean {
  return typeof body === "object" && body !== null && Object.keys(body).length === 0;
}

function typeOf({ headers }: Request): string {
  return (fieldOf(headers, "content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/**
 * Of a method that is neither GET nor QUERY, conditions ask for a 412 and not for a 304 (RFC 9110 section
 * 13.1.2): the handler answers them.
 */
export function isConditional({ method, headers }: Request): boolean {
  if (method !== "POST") return false;
  return headers["if-none-match"] !== undefined || headers["if-modified-since"] !== undefined;
}
