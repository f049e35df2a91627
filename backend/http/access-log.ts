// The access log: morgan measures, pino writes.
// Tests: test/http/view-answers.test.ts, test/http/problems.test.ts
import type { IncomingMessage } from "node:http";
import type { Request, RequestHandler } from "express";
import type { LaneMiddleware } from "express-tenant-cache";
import morgan from "morgan";
import type { Logger } from "pino";

const PROBES = /^(\/api)?(\/system)?\/health\b/;
/** Behind it are ids of persons, and reasons. */
const NAMES_PERSONS =
  /^(\/api\/+overlay\/+[^/?#]+|\/api\/+sync\/+clients|\/ops\/+cache\/+audit[^/?#]*)[/?#].*/is;
const arrivals = new WeakMap<IncomingMessage, number>();

/** What a request is about, where it is known without what Express adds to it. */
interface Subject {
  readonly tenant?: string;
  readonly module?: string;
}

const subjects = new WeakMap<IncomingMessage, Subject>();

/** For the log's line: whose data a request is about, and which. */
export function noteSubject(req: IncomingMessage, subject: Subject): void {
  subjects.set(req, { ...subjects.get(req), ...subject });
}

/** Middleware in front of a module's routes, or of a view. */
export function toldAs(module: string): RequestHandler {
  return (req, _res, next) => {
    noteSubject(req, { module });
    next();
  };
}

/** Has `ms` count from now: what is in front of the log takes its time, too. */
export function noteArrival(req: IncomingMessage): void {
  arrivals.set(req, performance.now());
}

/** A request's URL as a log may show it. */
export const loggedUrl = (url: string): string => url.replace(NAMES_PERSONS, "$1/…");

/** One line for each response; those of the health probes only at level debug. Works on raw requests, too. */
export function accessLog(logger: Logger): LaneMiddleware {
  return morgan(
    (tokens, req, res) => {
      const line = {
        requestId: res.getHeader("x-request-id"),
        method: req.method,
        url: loggedUrl(tokens.url?.(req, res) ?? ""),
        // Absent where the client went away before there was a response.
        status: Number(tokens.status?.(req, res)) || undefined,
        bytes: Number(res.getHeader("content-length")) || undefined,
        ms: sinceArrival(req, Number(tokens["total-time"]?.(req, res)) || undefined),
        tenant: subjects.get(req)?.tenant ?? (req as Request).auth?.tenantId,
        module: subjects.get(req)?.module,
        cache: res.getHeader("cache-status"),
      };
      const isProbe = PROBES.test(line.url);
      logger[isProbe ? "debug" : "info"](line, "request");
      return undefined;
    },
    { stream: { write: () => {} } },
  );
}

function sinceArrival(req: IncomingMessage, measuredMs: number | undefined): number | undefined {
  const arrivedMs = arrivals.get(req);
  if (measuredMs === undefined || arrivedMs === undefined) return measuredMs;
  return Number((performance.now() - arrivedMs).toFixed(3));
}
