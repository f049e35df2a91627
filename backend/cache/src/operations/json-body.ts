// The JSON object that was posted, as a parser in front has read it, or from the request itself.
// Tests: test/integration/operations-access.test.ts
import type { IncomingMessage } from "node:http";
import { Refused } from "./answer.js";

const MAX_BYTES = 16 * 1024;

export type Posted = Readonly<Record<string, unknown>>;

/**
 * A page of another origin cannot send `application/json` without asking (CORS), and what its browser says of where
 * it comes from is heeded where an app allows every origin.
 */
export async function readPosted(req: IncomingMessage): Promise<Posted | Refused> {
  const site = req.headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none")
    return new Refused(403, "forbidden", "changes are not taken from pages of another origin");
  const [type = ""] = (req.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json")
    return new Refused(415, "body", "send a JSON object with Content-Type: application/json");
  const { body } = req as { readonly body?: unknown };
  if (typeof body === "object" && body !== null && !Buffer.isBuffer(body)) return objectOf(body);
  const isText = typeof body === "string" || Buffer.isBuffer(body);
  const bytes = isText ? Buffer.from(body) : await read(req);
  if (!bytes) return new Refused(413, "body", `the body has more than ${MAX_BYTES} bytes`);
  try {
    return objectOf(JSON.parse(bytes.toString("utf8")));
  } catch {
    return NO_OBJECT;
  }
}

const NO_OBJECT = new Refused(400, "body", "the body is no JSON object");

function objectOf(value: unknown): Posted | Refused {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Posted) : NO_OBJECT;
}

async function read(req: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of req as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= MAX_BYTES) pieces.push(piece);
    // What follows is read and dropped, so that the answer is read, too; not for ever.
    else if (bytes > 64 * MAX_BYTES) break;
  }
  return bytes > MAX_BYTES ? undefined : Buffer.concat(pieces);
}
