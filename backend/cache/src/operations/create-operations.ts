// `cache.operations`: what operators ask of a running app by HTTP, as JSON. See `docs/internals/explain.md`.
// Tests: test/integration/operations.test.ts, test/integration/operations-access.test.ts
import type { Request, RequestHandler, Response } from "express";
import { TenantCacheError } from "../errors.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import {
  type OperationsOptions,
  type ParsedOperationsOptions,
  parseAccess,
  parseOperationsOptions,
} from "../options/operations-options.js";
import type { CacheStats } from "../stats.js";
import { urlParts } from "../url-parts.js";
import { Access } from "./access.js";
import { type Answer, NO_SUCH_TENANT, NOT_FOR_SOME, Refused, send, setHeaders } from "./answer.js";
import { explainedFor } from "./explained-for.js";
import { type Posted, readPosted } from "./json-body.js";
import type { OperatedCache } from "./operated-cache.js";
import { Purges } from "./purges.js";
import { Tail } from "./tail.js";
import { ofWarmer, WarmRuns } from "./warm-runs.js";

/**
 * Middleware for operators: statistics, explanations, causes, purges, warm-ups and a live tail, as JSON, for
 * `app.use("/ops/cache-api", …)`. Refuses to be mounted without `authorize`, which is asked for every request.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export type CreateOperations = (options: OperationsOptions, ...surplus: never[]) => RequestHandler;

interface Asked {
  readonly req: Request;
  readonly access: Access;
  readonly query: URLSearchParams;
}

type Get = (asked: Asked) => Answer | Refused | Promise<Answer | Refused>;
type Post = (asked: Asked, posted: Posted) => Answer | Refused | Promise<Answer | Refused>;

/** What was asked is wrong, and the message says what to write instead. */
const ASKED_WRONG: ReadonlySet<string> = new Set([
  "ETC_OPTIONS",
  "ETC_ARGUMENTS",
  "ETC_EXPLAIN_APP",
  "ETC_LIGHT_MY_REQUEST",
]);
const EXPLAINED_FIELDS: ReadonlySet<string> = new Set(["url", "method", "headers", "body", "tenant"]);

/** @param cacheOf called once a request comes: the cache is not there before it is put together */
export function createOperations(cacheOf: () => OperatedCache): CreateOperations {
  return (options, ...surplus: unknown[]) => {
    const write = "one object: operations({ authorize, warmer })";
    if (isRequest(options))
      throw new TenantCacheError(
        "ETC_ARGUMENTS",
        'operations was mounted without being called: write app.use("/ops/cache-api", cache.operations({ authorize }))',
      );
    refuseSurplus("operations", surplus, write);
    const parsed = parseOperationsOptions(options);
    let operations: Operations | undefined;
    return function operationsMiddleware(req, res, next) {
      operations ??= new Operations(cacheOf(), parsed);
      operations.handle(req, res).catch((error: unknown) => {
        // Nothing more can be said of it to the client.
        if (res.headersSent) res.destroy();
        next(error);
      });
    };
  };
}

class Operations {
  readonly #cache: OperatedCache;
  readonly #options: ParsedOperationsOptions;
  readonly #purges: Purges;
  readonly #tail: Tail;
  readonly #warm: WarmRuns | undefined;
  readonly #gets: Readonly<Record<string, Get>>;
  readonly #posts: Readonly<Record<string, Post>>;

  constructor(cache: OperatedCache, options: ParsedOperationsOptions) {
    this.#cache = cache;
    this.#options = options;
    this.#purges = new Purges(cache);
    this.#tail = new Tail(cache.events);
    this.#warm = options.warmer && new WarmRuns(options.warmer);
    this.#gets = {
      "": (asked) => this.#about(asked),
      stats: (asked) => this.#stats(asked),
      advice: ({ access }) => (access.seesAll ? { data: cache.advice() } : NOT_FOR_SOME),
      "miss-reasons": ({ access }) => (access.seesAll ? { data: cache.missReasons() } : NOT_FOR_SOME),
      explain: (asked) => this.#explain(asked, Object.fromEntries(asked.query)),
      explained: (asked) => this.#explained(asked),
      causes: (asked) => this.#causes(asked),
      warm: ({ access }) => ofWarmer(this.#warm, (runs) => runs.told(access)),
    };
    this.#posts = {
      explain: (asked, posted) => this.#explain(asked, posted),
      purge: ({ access }, posted) => this.#purges.take(posted, access),
      warm: ({ access }, posted) => ofWarmer(this.#warm, (runs) => runs.start(posted, access)),
    };
  }

  async handle(req: Request, res: Response): Promise<void> {
    setHeaders(res);
    const allowed = parseAccess(await this.#options.authorize(req));
    const withoutBody = req.method === "HEAD";
    if (!allowed)
      return send(res, new Refused(403, "forbidden", "you may not operate this cache"), withoutBody);
    const { path, search } = urlParts(req.url);
    const asked = { req, access: new Access(allowed), query: new URLSearchParams(search) };
    const name = path.replace(/^\/+|\/+$/g, "");
    if (name === "tail" && req.method === "GET") {
      const refused = this.#tail.follow(res, asked.access, asked.query);
      if (refused) send(res, refused, withoutBody);
      return;
    }
    send(res, await this.#answer(name, asked), withoutBody);
  }

  async #answer(name: string, asked: Asked): Promise<Answer | Refused> {
    const get = Object.hasOwn(this.#gets, name) ? this.#gets[name] : undefined;
    const post = Object.hasOwn(this.#posts, name) ? this.#posts[name] : undefined;
    const isTail = name === "tail";
    if (!get && !post && !isTail) return new Refused(404, "not-found", "there is nothing of that name");
    const { method } = asked.req;
    try {
      if (get && (method === "GET" || method === "HEAD")) return await get(asked);
      if (post && method === "POST") {
        const posted = await readPosted(asked.req);
        return posted instanceof Refused ? posted : await post(asked, posted);
      }
    } catch (error) {
      return refusalOf(error);
    }
    const allow = [...(get ? ["GET", "HEAD"] : []), ...(isTail ? ["GET"] : []), ...(post ? ["POST"] : [])];
    return new Refused(405, "method", `write ${allow.join(" or ")}`, { Allow: allow.join(", ") });
  }

  #about({ access }: Asked): Answer {
    const { kind, circuit, reason } = this.#cache.health();
    const { tenants, mayPurge, mayWarm, name } = access;
    return {
      data: {
        store: { kind, circuit, reason: access.seesAll ? reason : null },
        access: {
          tenants: tenants === "all" ? tenants : [...tenants],
          purge: mayPurge,
          warm: mayWarm && this.#warm !== undefined,
          name,
        },
        process: { pid: process.pid, sinceMs: Math.round(Date.now() - process.uptime() * 1000) },
      },
    };
  }

  async #stats({ access, query }: Asked): Promise<Answer | Refused> {
    const given = query.get("tenant");
    const asked = query.get("sizes") ?? "true";
    if (asked !== "true" && asked !== "false")
      return new Refused(400, "ETC_OPTIONS", "sizes: write true, or false for counters alone");
    const sizes = asked === "true";
    if (given === null)
      return access.seesAll ? { data: await this.#cache.stats({ perTenant: true, sizes }) } : NOT_FOR_SOME;
    const tenantId = access.tenant(given);
    if (tenantId === undefined) return NO_SUCH_TENANT;
    const stats = await this.#cache.stats({ tenantId, sizes });
    return { data: access.seesAll ? stats : ofTenantAlone(stats) };
  }

  async #explain({ req, access }: Asked, given: Posted): Promise<Answer | Refused> {
    const odd = Object.keys(given).find((name) => !EXPLAINED_FIELDS.has(name));
    if (odd !== undefined) return new Refused(400, "ETC_OPTIONS", `explain: there is no field ${odd}`);
    const { tenant: named, headers: ownHeaders, ...request } = given;
    const tenant = named === undefined || named === null ? undefined : access.tenant(named);
    if (tenant === undefined && (named !== undefined || !access.seesAll)) return NO_SUCH_TENANT;
    const isPlain = ownHeaders === undefined || (typeof ownHeaders === "object" && ownHeaders !== null);
    if (!isPlain) return new Refused(400, "ETC_OPTIONS", "headers: write an object of texts");
    const { explainAs } = this.#options;
    const said = await explainedFor(
      this.#cache,
      { req, tenant, explainAs },
      { ...(request as { url: string }), headers: ownHeaders as Record<string, string> },
    );
    // Whose it is instead is nobody's business.
    const isOthers = said.tenant !== null && !access.sees(said.tenant);
    if (isOthers) return NO_SUCH_TENANT;
    return { data: access.seesAll ? said : { ...said, store: { ...said.store, reason: null } } };
  }

  async #explained({ access, query }: Asked): Promise<Answer | Refused> {
    const id = query.get("requestId");
    if (!id) return new Refused(400, "ETC_OPTIONS", "requestId: write what the app's log calls the request");
    const only = query.get("tenant");
    const tenant = only === null ? undefined : access.tenant(only);
    if (only !== null && tenant === undefined) return NO_SUCH_TENANT;
    const requests = await this.#cache.explained(id);
    const isSeen = (of: string | null) =>
      tenant === undefined ? access.seesAll || (of !== null && access.sees(of)) : of === tenant;
    return { data: { requests: requests.filter((each) => isSeen(each.tenant)) } };
  }

  async #causes({ access, query }: Asked): Promise<Answer | Refused> {
    const tenant = access.tenant(query.get("tenant") ?? undefined);
    if (tenant === undefined) return NO_SUCH_TENANT;
    const [module, limit] = [query.get("module"), query.get("limit")];
    const causes = await this.#cache.causes({
      tenant,
      ...(module && { module }),
      ...(limit && { limit: Number(limit) }),
    });
    return { data: { causes } };
  }
}

/** Nothing of the server, and no sums of the process: they tell of others. */
function ofTenantAlone(stats: CacheStats): Partial<CacheStats> & { readonly store: object } {
  const { kind, circuit, connected, latencyMs } = stats.store;
  const { server: _server, encryption: _encryption, feed: _feed, ...own } = stats;
  return { ...own, store: { kind, circuit, connected, latencyMs } as CacheStats["store"] };
}

function refusalOf(error: unknown): Refused {
  if (!(error instanceof TenantCacheError)) throw error;
  const { code, message } = error;
  // Whose request it is instead is nobody's business.
  if (code === "ETC_EXPLAIN_TENANT" || code === "ETC_TENANT_ID") return NO_SUCH_TENANT;
  if (ASKED_WRONG.has(code)) return new Refused(400, code, message);
  throw error;
}
