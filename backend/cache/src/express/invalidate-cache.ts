// `invalidateCache(...modules)`: replaces the fences of what a mutation touched before its response is released.
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { FencedScope } from "../engine/fences.js";
import { tagsOf } from "../identifiers.js";
import { MutationWatch } from "../misuse/mutation-watch.js";
import { isRequest } from "../options/arguments.js";
import {
  type InvalidateOptions,
  type ParsedInvalidateOptions,
  parseInvalidateArguments,
} from "../options/invalidate-options.js";
import { isThenable } from "../shown.js";
import { randomToken } from "../store/fence-token.js";
import { dryRunOf } from "./dry-run.js";
import { holdBack, type Moment } from "./held-response.js";
import type { HttpServices } from "./http-services.js";
import { isSafe } from "./safe-methods.js";
import type { TouchedWork } from "./touched.js";

/**
 * Invalidates modules (or tags) after the following handlers, unless they answer 4xx. Whoever has received
 * the response reads no older state from the cache. Safe methods pass through (RFC 9110 section 9.2.1).
 *
 * @throws TenantCacheError `ETC_MODULE_NAME`, `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export interface InvalidateCache {
  (...modules: string[]): RequestHandler;
  (options: InvalidateOptions): RequestHandler;
}

/** @internal */
export function createInvalidateCache(http: HttpServices, touched: TouchedWork): InvalidateCache {
  const example = 'app.post("/accounts", cache.invalidateCache("accounts"), handler)';
  return (...args: readonly unknown[]) => {
    if (isRequest(args[0])) throw http.misuse.uncalled("invalidateCache", example);
    const options = parseInvalidateArguments(args);
    return invalidating(
      http,
      touched,
      options,
      new MutationWatch(http.misuse, options.modules, (req) => http.tenantOf(req)),
    );
  };
}

/**
 * @param watch tells of mistakes; absent where the modules follow from paths, and not from a program
 * @internal
 */
export function invalidating(
  http: HttpServices,
  touched: TouchedWork,
  options: ParsedInvalidateOptions & { readonly everything?: boolean },
  watch?: MutationWatch,
): RequestHandler {
  const { modules, everything = false } = options;
  return function invalidateCacheMiddleware(req, res, goOn) {
    if (isSafe(req.method)) {
      watch?.passed(req);
      return goOn();
    }
    // It ends in front of the handler, and changes nothing.
    if (dryRunOf(req)) return goOn();
    const next: NextFunction = (problem?: unknown) =>
      problem === undefined ? touched.around(req, res, goOn) : goOn(problem);
    const tenant = http.tenantOf(req);
    if (tenant === undefined) {
      http.engine.counters.bypassed("mutation-no-tenant");
      watch?.tenantless(req, res);
      return next();
    }
    watch?.mutated();
    if (res.writableEnded) watch?.answered();
    const scope = { tenant, modules, tags: tagsOf(options.tags, req), everything };
    const { gate } = http.engine;
    if (options.guard) return void guarded(http, options, scope, req, res, next).catch(next);
    const handle = () => {
      if (options.onUnreachable === "reject" && gate.state !== "closed") return refuse(res);
      const beforeRelease = async () => {
        if (mayHaveChanged(res) && isChange(http, options, req, res))
          await http.engine.invalidate(scope, http.origins.of(req, tenant, "route"));
      };
      holdBack(res, beforeRelease, next);
      next();
    };
    // A store that has not answered yet is not away.
    const starting = options.onUnreachable === "reject" ? gate.starting : undefined;
    if (starting) starting.then(handle).catch(next);
    else handle();
  };
}

async function guarded(
  http: HttpServices,
  options: ParsedInvalidateOptions,
  scope: FencedScope,
  req: Request,
  res: Response,
  next: NextFunction,
): Promise<void> {
  const { engine } = http;
  const writer = randomToken();
  const marked = await engine.beginWrite(scope, writer, options.guardMs).then(
    () => true,
    () => false,
  );
  if (!marked && options.onUnreachable === "reject") return refuse(res);
  // The mark is taken away whatever the status, also one that may have been set although that timed out; but
  // not before the handler has ended its answer, because until then it may still be writing.
  const beforeRelease = async (moment: Moment) => {
    const origin = http.origins.of(req, scope.tenant, "route");
    if (moment === "ended") await engine.endWrite(scope, writer, origin);
    else await engine.invalidate(scope, origin);
  };
  holdBack(res, beforeRelease, next);
  next();
}

/**
 * 4xx: the handler refused, so nothing has changed. Any other status, also none yet, may stand for a change.
 */
function mayHaveChanged(res: Response): boolean {
  return res.statusCode < 400 || res.statusCode >= 500;
}

/** In doubt it is one. */
function isChange(
  http: HttpServices,
  { when, modules }: ParsedInvalidateOptions,
  req: Request,
  res: Response,
): boolean {
  if (!when) return true;
  const who = `the when function of invalidateCache(${modules.join(", ")})`;
  try {
    const said: unknown = when(req, res);
    if (!isThenable(said)) return Boolean(said);
    http.misuse.returned.wrong(who, said, "", "such requests invalidate");
  } catch (error) {
    http.misuse.returned.threw(who, error, "such requests invalidate");
  }
  return true;
}

/** RFC 9457. Nothing has been done yet: the client may try again. */
function refuse(res: Response): void {
  res.statusCode = 503;
  res.setHeader("Retry-After", "1");
  res.setHeader("Content-Type", "application/problem+json");
  res.end(
    JSON.stringify({
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
      detail: "The cache cannot be told about this change now. Nothing has been changed.",
    }),
  );
}
