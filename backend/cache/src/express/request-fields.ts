// What requests say in their header fields, also those that frameworks make off the socket: Node's fields are texts, theirs may be numbers or arrays.
// Tests: test/integration/off-socket.test.ts
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** A field as Node would have it: the values of several joined (RFC 9110 section 5.3). */
export function fieldOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value: unknown = headers[name];
  if (typeof value === "string" || value === undefined) return value;
  if (value === null) return undefined;
  return Array.isArray(value) ? value.join(name === "cookie" ? "; " : ", ") : String(value);
}

/** Also true where a length of zero is not spelled as one digit: a doubt, not an answer. */
export function hasBody(req: IncomingMessage): boolean {
  const { headers } = req;
  if (headers["transfer-encoding"] !== undefined) return true;
  const length = fieldOf(headers, "content-length");
  if (length !== undefined) return length !== "0";
  // HTTP/2 says neither (RFC 9113 section 8.1): a body begins where the headers have not ended the stream.
  return req.httpVersionMajor === 2 && (req as OfHttp2).stream?.endAfterHeaders === false;
}

/** Node's Http2ServerRequest, or one that stands in for it. */
type OfHttp2 = IncomingMessage & { readonly stream?: { readonly endAfterHeaders?: boolean } };
