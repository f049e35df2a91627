// The end of the chain: whatever was thrown becomes a problem document, and internals stay in the log.
// Tests: test/http/problems.test.ts
import { types } from "node:util";
import type { ErrorRequestHandler, RequestHandler } from "express";
import type { Logger } from "pino";
import { databaseTrouble, isDatabaseUnavailable, isUnusableValue } from "../db/database-errors.js";
import type { DatabaseOutage } from "../db/database-outage.js";
import { TenantUnavailable } from "../db/tenant-transaction.js";
import { loggedUrl } from "./access-log.js";
import type { Role } from "./identity/auth.js";
import { forbidden, HttpProblem, notFound, unauthorized } from "./problem.js";

/** For requests that no route took. */
export const unknownRoute: RequestHandler = (req) => {
  throw notFound(`There is no ${req.baseUrl}${req.path}.`);
};

/**
 * Writes problems, and logs those that are the server's fault: once, with the request's id. What meets every request while it lasts has
 * a line of its own, and each of them is in the access log.
 */
export function errorHandler(logger: Logger, database: DatabaseOutage): ErrorRequestHandler {
  return (error, req, res, next) => {
    const problem = toProblem(error, req.auth?.role);
    const trouble = databaseTrouble(problem.cause);
    if (trouble !== undefined && types.isNativeError(problem.cause)) database.failed(trouble, problem.cause);
    const isTold = trouble !== undefined || problem.isTold;
    const isUnforeseen = (problem.status >= 500 && !isTold) || isUnusableValue(problem.cause);
    if (isUnforeseen) {
      logger[problem.status >= 500 ? "error" : "warn"]({
        requestId: req.id,
        method: req.method,
        url: loggedUrl(req.originalUrl),
        err: problem.cause ?? error,
      });
    }
    // Half a response cannot become a problem: Express closes the connection.
    if (res.headersSent) return next(error);
    for (const [name, value] of Object.entries(problem.headers)) res.setHeader(name, value);
    const instance = req.originalUrl.split("?", 1)[0] ?? "/";
    res
      .status(problem.status)
      .set("Content-Type", "application/problem+json; charset=utf-8")
      .set("Cache-Control", "no-store")
      .end(JSON.stringify(problem.toDocument(instance)));
  };
}

function toProblem(error: unknown, role: Role | undefined): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof TenantUnavailable) {
    // A superadmin has chosen the tenant, and the token is good for others; anybody else's is good for nothing now.
    return role === "superadmin" ? forbidden(error.message) : unauthorized(error.message, "invalid_token");
  }
  if (databaseTrouble(error) === "no-writes") {
    // Somebody has to do something about it: nobody is to try again each second.
    return new HttpProblem(503, {
      detail: "The database takes no changes now, and reading goes on. Try again later.",
      headers: { "Retry-After": "30" },
      cause: error,
    });
  }
  if (isDatabaseUnavailable(error)) {
    return new HttpProblem(503, {
      detail: "The database cannot answer now. Try again.",
      headers: { "Retry-After": "1" },
      cause: error,
    });
  }
  if (isUnusableValue(error)) {
    return new HttpProblem(400, { detail: "The database takes no such value.", cause: error });
  }
  return bodyParserProblem(error) ?? new HttpProblem(500, { cause: error });
}

const BODY_DETAILS = new Map([
  ["entity.parse.failed", "The body is not valid JSON."],
  [
    "encoding.unsupported",
    "The body's Content-Encoding is not supported: send it as gzip, deflate, br or as it is.",
  ],
  ["charset.unsupported", "The body's charset is not supported: send UTF-8."],
  ["request.aborted", "The body ended early."],
  ["request.size.invalid", "The body does not have the length that Content-Length says."],
]);

/** body-parser's and Express's own errors have a status, and a message that may repeat the input: only the status is used. */
function bodyParserProblem(error: unknown): HttpProblem | undefined {
  if (!(error instanceof Error)) return undefined;
  const status = Reflect.get(error, "status");
  if (typeof status !== "number" || status < 400 || status > 499) return undefined;
  const type = String(Reflect.get(error, "type"));
  const detail =
    type === "entity.too.large"
      ? `The body is larger than ${Number(Reflect.get(error, "limit")) / 1024} kB.`
      : BODY_DETAILS.get(type);
  return new HttpProblem(status, { ...(detail !== undefined && { detail }), cause: error });
}
