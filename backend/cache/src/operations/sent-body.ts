// The bytes of a body that somebody has posted, bounded; or what a parser in front has made of them.
// Tests: test/integration/operations-access.test.ts, test/integration/console-access.test.ts
import type { IncomingMessage } from "node:http";

/** How much of a body that is too large is read and dropped, so that the answer is read, too. */
const DROPPED = 64;

/** @returns an object that a parser has made, or bytes; `undefined` where there are more than `maxBytes` */
export async function readSent(req: IncomingMessage, maxBytes: number): Promise<object | Buffer | undefined> {
  const { body } = req as { readonly body?: unknown };
  // A parser of text or bytes in front has read the body, and left the rest to us.
  if (typeof body === "string") return Buffer.from(body);
  if (typeof body === "object" && body !== null) return body;
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of req as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= maxBytes) pieces.push(piece);
    else if (bytes > DROPPED * maxBytes) break;
  }
  return bytes > maxBytes ? undefined : Buffer.concat(pieces);
}
