// Mistakes of a mutation that leave entries stale without a word: no tenant, a method that changes nothing, a module that nothing caches.
// Tests: test/integration/misuse-mutations.test.ts
import type { Request, Response } from "express";
import type { Misuse } from "./misuse.js";

/** Requests that pass by before it is likely that no mutation will come. */
const SAFE_REQUESTS = 100;

export class MutationWatch {
  readonly #misuse: Misuse;
  readonly #tenantOf: (req: Request) => string | undefined;
  readonly #modules: readonly string[];
  readonly #call: string;
  #safe = 0;
  /** Nothing more is to be said about safe requests. */
  #isSettled = false;
  #hadTenant = false;

  /** @param modules those that it names; none where it names tags alone */
  constructor(misuse: Misuse, modules: readonly string[], tenantOf: (req: Request) => string | undefined) {
    this.#misuse = misuse;
    this.#modules = modules;
    this.#tenantOf = tenantOf;
    this.#call = `invalidateCache(${modules.map((module) => `"${module}"`).join(", ") || "{ tags }"})`;
    misuse.modules.invalidated(modules);
  }

  /** GET, HEAD, OPTIONS or TRACE. */
  passed(req: Request): void {
    if (this.#isSettled || req.method === "OPTIONS") return;
    const path = pathOfSafeRoute(req);
    if (path === undefined && ++this.#safe < SAFE_REQUESTS) return;
    this.#isSettled = true;
    const instead = `make it a POST, or call cache.invalidateTenantCache(tenantId, module) in the handler`;
    this.#misuse.advice.tell(
      path === undefined
        ? `${this.#call}: none of the first ${SAFE_REQUESTS} requests was a mutation, and GET and HEAD invalidate nothing: if one of them changes data, ${instead}`
        : `${this.#call} does nothing on GET ${path}, because GET and HEAD change nothing (RFC 9110 section 9.2.1): if it changes data, ${instead}`,
    );
  }

  mutated(): void {
    this.#isSettled = true;
    this.#hadTenant = true;
    if (this.#modules.length > 0) this.#misuse.modules.mutated(this.#call, this.#modules);
  }

  /** The answer of a mutation has been ended before: what is done from now on has no end that anybody could wait for. */
  answered(): void {
    this.#misuse.advice.tell(
      `${this.#call} was reached when the request had been answered: what its handler changes behind that is not waited for, and stays stale: answer when it is done, or call cache.invalidateTenantCache(tenantId, module) then`,
      `${this.#call} answered before`,
    );
  }

  /**
   * A mutation without a tenant invalidates nothing. That it has changed something is known when it has been
   * answered.
   */
  tenantless(req: Request, res: Response): void {
    this.#isSettled = true;
    if (this.#hadTenant || this.#misuse.returned.hasWrongTenants) return;
    res.once("finish", () => {
      if (res.statusCode >= 400 || this.#hadTenant) return;
      const why =
        this.#tenantOf(req) === undefined
          ? "the tenant option found none: mount invalidateCache after authentication, and check the tenant option; what belongs to no tenant calls cache.invalidateTenantCache(tenantId, module) for those that it concerns"
          : "there was none yet when it ran: mount invalidateCache after authentication";
      this.#misuse.advice.tell(
        `${this.#call}: a mutation succeeded without a tenant and invalidated nothing, because ${why}`,
        `${this.#call} without tenant`,
      );
    });
  }
}

/**
 * The path of a route that takes safe methods alone; `undefined` for others, and for what is mounted by `use`
 * or `all`.
 */
function pathOfSafeRoute({ route }: Request): string | undefined {
  const methods: Readonly<Record<string, boolean>> | undefined = route?.methods;
  const names = Object.keys(methods ?? {});
  return names.length > 0 && names.every((name) => name === "get" || name === "head")
    ? String(route.path)
    : undefined;
}
