// Mistakes that leak or that never hit, told once: when a route is mounted, or when its first requests show them.
import type { Logger } from "../logger.js";
import type { ParsedRouteOptions } from "../options/route-options.js";

/** Requests in a row without a tenant after which it is no accident. */
const TENANTLESS_REQUESTS = 20;
/** What is told is remembered: handlers may write what they were sent into `Vary`. */
const MAX_TOLD = 1000;
const MAX_ADVICE_LENGTH = 1000;

export class Misuse {
  readonly #logger: Logger;
  readonly #told = new Set<string>();
  readonly #isScoped = new Map<string, boolean>();
  readonly #tenantless = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** One route of a module has a scope and another has none: the other shows one user's view to all, or has no need of it. */
  mounted(module: string, { scope }: ParsedRouteOptions): void {
    const isScoped = typeof scope === "function";
    const earlier = this.#isScoped.get(module);
    this.#isScoped.set(module, isScoped);
    if (earlier === undefined || earlier === isScoped) return;
    this.#tell(
      `module ${module} has routes with a scope function and routes without: give all of them the scope, or those that need none a module name of their own`,
    );
  }

  /** A route whose requests never have a tenant is most often mounted before what authenticates them. */
  lookedUp(module: string, hasTenant: boolean): void {
    const inARow = this.#tenantless.get(module) ?? 0;
    if (inARow === Number.NEGATIVE_INFINITY) return;
    this.#tenantless.set(module, hasTenant ? Number.NEGATIVE_INFINITY : inARow + 1);
    if (hasTenant || inARow + 1 !== TENANTLESS_REQUESTS) return;
    this.#tell(
      `module ${module}: none of the first ${TENANTLESS_REQUESTS} requests had a tenant, so none was cached: mount cacheList after authentication, and check the tenant option`,
    );
  }

  /** A response that varies by what is not in the key can never be a hit. */
  varied(module: string, names: string): void {
    const said = `a response of module ${module} says "Vary: ${names}" and is not stored`;
    if (names === "*") this.#tell(`${said}: no request can match it again`);
    else if (names.toLowerCase() === "accept-encoding") {
      this.#tell(`${said}: mount compression before cacheList, which keeps compressed variants itself`);
    } else
      this.#tell(
        `${said}: declare it: cacheList("${module}", { vary: ["${names.split(", ").join('", "')}"] })`,
      );
  }

  #tell(advice: string): void {
    if (this.#told.has(advice) || this.#told.size >= MAX_TOLD || advice.length > MAX_ADVICE_LENGTH) return;
    this.#told.add(advice);
    this.#logger.warn(`express-tenant-cache: ${advice}`);
  }
}
