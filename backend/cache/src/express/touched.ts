// `touched`, `transaction`, `asTenant` and `invalidateTouched`: code below the routes, an ORM's hooks say, tells what it has changed.
// Tests: test/integration/touched.test.ts, test/integration/touched-nested.test.ts, test/integration/touched-jobs.test.ts
import { AsyncLocalStorage } from "node:async_hooks";
import type { NextFunction, Request, RequestHandler, Response } from "express";
import type { CauseKind, Origin } from "../cause-origin.js";
import type { FencedScope } from "../engine/fences.js";
import { TenantCacheError } from "../errors.js";
import { requireTenantId, type TenantId } from "../identifiers.js";
import { isRequest, refuseSurplus, requireFunction } from "../options/arguments.js";
import { type GivenOrigin, parseOrigin } from "../options/origin-option.js";
import { parseTouched, type Touched } from "../options/touched-arguments.js";
import type { HttpServices } from "./http-services.js";
import { isSafe } from "./safe-methods.js";
import { CausedTouches, RequestTouches, TenantTouches, type Touches, TransactionTouches } from "./touches.js";
import { isOutcomeUnknown } from "./transaction-outcome.js";

/**
 * Says what has been changed. In a request that has come through `invalidateTouched()` or `invalidateCache`
 * its answer waits until that is invalidated, and there is nothing to wait for here: `undefined` is returned.
 * Elsewhere (a job, a script, a GET, behind the answer) it is invalidated at once. In `transaction` it counts
 * once that has committed.
 *
 * A request without a tenant changes nothing that is cached, unless `tenant` is given.
 *
 * @returns true once the store has confirmed; false where it is away and the invalidation waits to be replayed
 * @throws TenantCacheError `ETC_TENANT_ID` outside of requests, where no tenant is given; `ETC_MODULE_NAME`,
 *   `ETC_TAG`, `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export interface TouchedCall {
  (module: string, ...tags: string[]): Promise<boolean> | undefined;
  (what: Touched): Promise<boolean> | undefined;
}

/**
 * Runs `work`, a transaction. What is touched in it is invalidated once it has resolved, and in a request with
 * the answer; where it rejects, nothing is, unless its connection was lost, so that nobody knows whether it has
 * committed.
 *
 * @returns what `work` returns
 * @throws TenantCacheError `ETC_ARGUMENTS`; what `work` throws
 */
export type TransactionCall = <T>(work: () => PromiseLike<T>) => Promise<T>;

/**
 * Runs `work`, a job of one tenant: what it touches without naming a tenant is this one's, and is invalidated
 * at once, in `transaction` once that has committed. Resolves when all of it is.
 *
 * @returns what `work` returns
 * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_ARGUMENTS`; what `work` throws
 */
export type AsTenant = <T>(tenantId: TenantId, work: () => PromiseLike<T>) => Promise<T>;

/**
 * Runs `work`: what it invalidates, and what is awaited in it, is put down to this job, or to this operator. See
 * `cache.causes`.
 *
 * @returns what `work` returns
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`; what `work` throws
 */
export type Because = <T>(origin: GivenOrigin, work: () => PromiseLike<T>) => Promise<T>;

/**
 * Middleware: the answers of the handlers behind it wait until what they have told `touched` is invalidated.
 * A request that touches nothing, and one of a safe method, passes.
 *
 * @throws TenantCacheError `ETC_ARGUMENTS`
 */
export type InvalidateTouched = () => RequestHandler;

const NO_TENANT =
  'touched: there is no request whose tenant it could be, because none has come through invalidateTouched() or invalidateCache: write touched({ tenant, modules: ["orders"] }), or give it to the whole job: asTenant(tenant, job)';

/**
 * Of one cache: what is touched where.
 * @internal
 */
export class TouchedWork {
  readonly #http: HttpServices;
  readonly #current = new AsyncLocalStorage<Touches>();
  readonly #elsewhere: Touches;
  readonly #begun = new WeakSet<Response>();

  constructor(http: HttpServices) {
    this.#http = http;
    const call = { kind: "touched" } as const;
    const add: Touches["add"] = (scope, origin = call) => http.engine.invalidate(scope, origin);
    this.#elsewhere = { tenant: undefined, isOfRequest: false, origin: undefined, add };
  }

  readonly touched: TouchedCall = (...args: unknown[]) => {
    const { tenant: given, modules, tags } = parseTouched(args);
    const touches = this.#outside();
    const tenant = given ?? touches.tenant;
    if (tenant === undefined) {
      if (touches.isOfRequest) return this.#tellTenantless(modules);
      throw new TenantCacheError("ETC_TENANT_ID", NO_TENANT);
    }
    const scope = { tenant, modules, tags };
    if (modules.length > 0) this.#http.misuse.modules.mutated(`touched("${modules[0]}")`, modules);
    return touches.add(scope);
  };

  readonly transaction: TransactionCall = async (work, ...surplus: unknown[]) => {
    const write = "transaction(() => db.transaction(…))";
    requireFunction("transaction", work, "the work", write);
    refuseSurplus("transaction", surplus, write);
    const touches = new TransactionTouches(this.#outside());
    try {
      const result = await this.#current.run(touches, awaited, work);
      await touches.committed();
      return result;
    } catch (error) {
      if (isOutcomeUnknown(error)) await touches.committed();
      else touches.rolledBack();
      throw error;
    }
  };

  readonly asTenant: AsTenant = async (tenantId, work, ...surplus: unknown[]) => {
    const write = "asTenant(tenantId, () => job())";
    const tenant = requireTenantId(tenantId, "asTenant");
    requireFunction("asTenant", work, "the work", write);
    refuseSurplus("asTenant", surplus, write);
    const touches = new TenantTouches(tenant, this.#outside());
    try {
      return await this.#current.run(touches, awaited, work);
    } finally {
      await touches.settled();
    }
  };

  readonly because: Because = async (given, work, ...surplus: unknown[]) => {
    const write = 'because({ job: "nightly import" }, () => job())';
    const origin = parseOrigin(given, this.#http.origins);
    requireFunction("because", work, "the work", write);
    refuseSurplus("because", surplus, write);
    return await this.#current.run(new CausedTouches(origin, this.#outside()), awaited, work);
  };

  readonly middleware: InvalidateTouched = (...args: readonly unknown[]) => {
    const example = "app.use(authenticate, cache.invalidateTouched())";
    if (isRequest(args[0])) throw this.#http.misuse.uncalled("invalidateTouched", example);
    refuseSurplus("invalidateTouched", args, example);
    return (req, res, next) => {
      if (!isSafe(req.method)) this.around(req, res, next);
      // A request that the handler of another one makes of the app: what it touches is not that one's.
      else if (this.#outside().isOfRequest && !this.#begun.has(res)) this.#current.run(this.#elsewhere, next);
      else next();
    };
  };

  /** Goes on to the handlers of a request that may change something. */
  around(req: Request, res: Response, next: NextFunction): void {
    // Another middleware of the same request has begun already. A request that this one's handler makes of the
    // app itself is another one.
    if (this.#begun.has(res)) {
      next();
      return;
    }
    this.#begun.add(res);
    // When it is asked: whoever authenticates may come later.
    const originOf = (tenant: string | undefined) =>
      tenant === undefined ? undefined : this.#http.origins.of(req, tenant, "touched");
    const tenant = () => this.#http.tenantOf(req);
    const request = { tenant, origin: () => originOf(tenant()), res, fail: next };
    const invalidate = (scope: FencedScope, origin?: Origin) =>
      this.#http.engine.invalidate(scope, origin ?? originOf(scope.tenant) ?? { kind: "touched" });
    const touches = new RequestTouches(request, invalidate, this.#tellLate);
    this.#current.run(touches, next);
  }

  /** What the caller is in: a request, a transaction, a job, or none of them. */
  #outside(): Touches {
    return this.#current.getStore() ?? this.#elsewhere;
  }

  /** Whoever does what is done now, as far as it is known. */
  originOf(kind: CauseKind, name: string): Origin {
    const origin = this.#current.getStore()?.origin;
    if (!origin) return { kind, name };
    // In a request it is the call that has done it; what a job or an operator does is theirs.
    return origin.kind === "touched" ? { ...origin, kind } : origin;
  }

  readonly #tellLate = (): void => {
    this.#http.misuse.advice.tell(
      "touched was called when the answer of its request had begun or was sent: it is invalidated at once, but whoever has the answer may have read the older state: await the work before you answer",
    );
  };

  #tellTenantless(modules: readonly string[]): undefined {
    const call = `touched(${modules[0] === undefined ? "{ tags }" : `"${modules[0]}"`})`;
    this.#http.misuse.advice.tell(
      `${call}: its request has no tenant, so nothing was invalidated: mount invalidateTouched() after authentication, or name the tenant: touched({ tenant, modules: ["${modules[0] ?? "orders"}"] })`,
      `${call} without tenant`,
    );
  }
}

/** Query builders of Knex and promises of Prisma begin when they are awaited: that has to be in here. */
async function awaited<T>(work: () => PromiseLike<T>): Promise<T> {
  return await work();
}
