// The JSON object that was posted, as a parser in front has read it, or from the request itself.
// Tests: test/integration/operations-access.test.ts
import type { IncomingMessage } from "node:http";
import { Refused } from "./answer.js";
import { readSent } from "./sent-body.js";

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
  const sent = await readSent(req, MAX_BYTES);
  if (!sent) return new Refused(413, "body", `the body has more than ${MAX_BYTES} bytes`);
  if (!Buffer.isBuffer(sent)) return objectOf(sent);
  try {
    return objectOf(JSON.parse(sent.toString("utf8")));
  } catch {
    return NO_OBJECT;
  }
}

const NO_OBJECT = new Refused(400, "body", "the body is no JSON object");

function objectOf(value: unknown): Posted | Refused {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Posted) : NO_OBJECT;
}
