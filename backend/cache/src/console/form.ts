// The fields of a form that was posted, as a parser in front has read them, or from the request itself.
// Tests: test/integration/console-access.test.ts
import type { IncomingMessage } from "node:http";

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
  const { body } = req as { readonly body?: unknown };
  if (typeof body === "object" && body !== null && !Buffer.isBuffer(body)) return parsedBefore(body);
  const isText = typeof body === "string" || Buffer.isBuffer(body);
  const bytes = isText ? Buffer.from(body) : await read(req);
  return bytes === undefined
    ? new Refused(413, "The form is too large.")
    : new Map(new URLSearchParams(bytes.toString("utf8")));
}

/** Of fields that came twice, and of what parsers make of brackets, nothing. */
function parsedBefore(body: object): Form {
  const fields = Object.entries(body).filter((pair): pair is [string, string] => typeof pair[1] === "string");
  return new Map(fields);
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
