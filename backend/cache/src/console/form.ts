// The fields of a form that was posted, as a parser in front has read them, or from the request itself.
// Tests: test/integration/console-access.test.ts
import type { IncomingMessage } from "node:http";
import { readSent } from "../operations/sent-body.js";

const MAX_BYTES = 8 * 1024;

export type Form = ReadonlyMap<string, string>;

/** What is wrong with a request, for the page that says so. */
export class Refused {
  readonly status: number;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, message: string, retryAfterSeconds?: number) {
    this.status = status;
    this.message = message;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export async function readForm(req: IncomingMessage): Promise<Form | Refused> {
  const [type = ""] = (req.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/x-www-form-urlencoded")
    return new Refused(415, "A form is expected.");
  const sent = await readSent(req, MAX_BYTES);
  if (sent === undefined) return new Refused(413, "The form is too large.");
  return Buffer.isBuffer(sent) ? new Map(new URLSearchParams(sent.toString("utf8"))) : parsedBefore(sent);
}

/** Of fields that came twice, and of what parsers make of brackets, nothing. */
function parsedBefore(body: object): Form {
  const fields = Object.entries(body).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return new Map(fields);
}
