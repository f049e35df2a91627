// What a request to the operations route is answered with, and why one is refused.
// Tests: test/integration/operations.test.ts
import type { ServerResponse } from "node:http";

export interface Answer {
  readonly status?: number;
  readonly data: unknown;
}

/** What is wrong with a request. */
export class Refused {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    this.status = status;
    this.code = code;
    this.message = message;
    this.headers = headers;
  }
}

/** A tenant that may not be seen, and one that cannot be: the two are answered alike. */
export const NO_SUCH_TENANT = new Refused(403, "forbidden", "you may not see this tenant");

/** What sums over tenants. */
export const NOT_FOR_SOME = new Refused(
  403,
  "forbidden",
  "that is told of all tenants together, which you may not see: name a tenant",
);

export function tooOften(waitSeconds: number): Refused {
  const message = `too many within a minute: try again in ${waitSeconds} s`;
  return new Refused(429, "rate", message, { "Retry-After": String(waitSeconds) });
}

/** For every answer of the route, whatever it is. */
export function setHeaders(res: ServerResponse): void {
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("X-Content-Type-Options", "nosniff");
}

export function send(res: ServerResponse, answer: Answer | Refused, withoutBody: boolean): void {
  const isRefused = answer instanceof Refused;
  const body = isRefused
    ? { error: { code: answer.code, message: answer.message } }
    : { data: answer.data ?? null };
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  res.statusCode = answer.status ?? 200;
  if (isRefused) for (const [name, value] of Object.entries(answer.headers)) res.setHeader(name, value);
  res.setHeader("Content-Type", "application/json; charset=utf-8");
  res.setHeader("Content-Length", text.length);
  res.end(withoutBody ? undefined : text);
}
