// Request ids: one for every request, the caller's where it is usable, so that logs of several services can be joined.
// Tests: test/http/problems.test.ts
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

declare global {
  namespace Express {
    interface Request {
      id: string;
    }
  }
}

// No spaces or control characters: it is written to headers and logs.
const USABLE = /^[\w.:@/+=-]{1,128}$/;

/** Sets `req.id` and the `X-Request-Id` response header. Works on raw requests, too. */
export function requestId(
  req: IncomingMessage & { id?: string },
  res: ServerResponse,
  next: () => void,
): void {
  const given = req.headers["x-request-id"];
  req.id = typeof given === "string" && USABLE.test(given) ? given : randomUUID();
  res.setHeader("X-Request-Id", req.id);
  next();
}
