// Problem documents (RFC 9457): what every error response of the API is.
// Tests: test/http/problems.test.ts
import { STATUS_CODES } from "node:http";

export interface FieldError {
  /** JSON pointer as a URI fragment into the body, or to a query parameter: "#/email". */
  readonly pointer: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
  /** Whether the cause has a line in the log already: it lasts, and meets every request. Default false. */
  readonly isTold?: boolean;
}

/** Thrown anywhere in a request; the error handler writes it as `application/problem+json`. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: number;
  readonly detail: string | undefined;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly isTold: boolean;

  constructor(status: number, options: ProblemOptions = {}) {
    super(options.detail ?? STATUS_CODES[status] ?? "Error", { cause: options.cause });
    this.status = status;
    this.detail = options.detail;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
    this.isTold = options.isTold ?? false;
  }

  /** @param instance path of the request, without its query: queries may be long, or hold what should not be repeated */
  toDocument(instance: string): Record<string, unknown> {
    return {
      // RFC 9457 section 4.2.1: the problem is what the status says.
      type: "about:blank",
      title: STATUS_CODES[this.status] ?? "Error",
      status: this.status,
      ...(this.detail !== undefined && { detail: this.detail }),
      instance,
      ...(this.errors && { errors: this.errors }),
    };
  }
}

export const notFound = (detail: string) => new HttpProblem(404, { detail });
export const forbidden = (detail: string) => new HttpProblem(403, { detail });
export const conflict = (detail: string) => new HttpProblem(409, { detail });

/** RFC 6750 section 3: a 401 says which scheme to use, and why the token was refused. */
export function unauthorized(detail: string, error?: "invalid_token"): HttpProblem {
  const challenge = error ? `Bearer realm="crm", error="${error}"` : 'Bearer realm="crm"';
  return new HttpProblem(401, { detail, headers: { "WWW-Authenticate": challenge } });
}
