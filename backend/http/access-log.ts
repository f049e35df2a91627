// The access log: morgan measures, pino writes.
import type { RequestHandler } from "express";
import morgan from "morgan";
import type { Logger } from "pino";

const PROBES = /^(\/api)?(\/system)?\/health\b/;

/** One line for each response; those of the health probes only at level debug. */
export function accessLog(logger: Logger): RequestHandler {
  return morgan(
    (tokens, req, res) => {
      const line = {
        requestId: res.getHeader("x-request-id"),
        method: req.method,
        url: tokens.url?.(req, res),
        // Absent where the client went away before there was a response.
        status: Number(tokens.status?.(req, res)) || undefined,
        bytes: Number(res.getHeader("content-length")) || undefined,
        ms: Number(tokens["total-time"]?.(req, res)) || undefined,
        cache: res.getHeader("cache-status"),
      };
      const isProbe = PROBES.test(line.url ?? "");
      logger[isProbe ? "debug" : "info"](line, "request");
      return undefined;
    },
    { stream: { write: () => {} } },
  );
}
