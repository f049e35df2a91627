// Mistakes that leak, that never hit, or that leave something stale without a word: each is told once.
import { TenantCacheError } from "../errors.js";
import type { Logger } from "../logger.js";
import { declaredOf, type ParsedRouteOptions } from "../options/route-options.js";
import { looksLikeMilliseconds, millisecondsAdvice } from "../ttl-seconds.js";
import { Advice } from "./advice.js";
import { KnownModules } from "./known-modules.js";
import { siblingsOf } from "./processes.js";
import { ReturnedValues } from "./returned-values.js";

export class Misuse {
  readonly advice: Advice;
  readonly modules: KnownModules;
  readonly returned: ReturnedValues;
  readonly #logger: Logger;
  readonly #isScoped = new Map<string, boolean>();
  #hasToldUncalled = false;

  /** @param isShared whether other processes use the same store */
  constructor(logger: Logger, isShared: boolean) {
    this.#logger = logger;
    this.advice = new Advice(logger);
    this.modules = new KnownModules(this.advice, isShared);
    this.returned = new ReturnedValues(this.advice);
    const siblings = isShared ? undefined : siblingsOf(process.env);
    if (siblings !== undefined) {
      this.advice.tell(
        `${siblings}, and entries stay in this process: the mutations of others do not reach them, so that they are stale until their TTL ends: give the cache a redis`,
      );
    }
  }

  /**
   * One route of a module has a scope and another has none: the other shows one user's view to all, or has no
   * need of it.
   *
   * @internal
   */
  mounted(
    module: string,
    { scope, dependsOn, staleWhileRevalidate, staleIfError }: ParsedRouteOptions,
  ): void {
    this.modules.cached(module, declaredOf({ dependsOn }));
    for (const [name, seconds] of Object.entries({ staleWhileRevalidate, staleIfError })) {
      if (seconds > 0 && looksLikeMilliseconds(seconds))
        this.advice.tell(
          `module ${module}: ${name} is ${seconds}, and is in seconds: for milliseconds write ${seconds / 1000}`,
        );
    }
    const isScoped = typeof scope === "function";
    const earlier = this.#isScoped.get(module);
    this.#isScoped.set(module, isScoped);
    if (earlier === undefined || earlier === isScoped) return;
    this.advice.tell(
      `module ${module} has routes with a scope function and routes without: give all of them the scope, or those that need none a module name of their own`,
    );
  }

  /** A response that varies by what is not in the key can never be a hit. */
  varied(module: string, names: string): void {
    const said = `a response of module ${module} says "Vary: ${names}" and is not stored`;
    if (names === "*") this.advice.tell(`${said}: no request can match it again`);
    else if (names.toLowerCase() === "accept-encoding") {
      this.advice.tell(`${said}: mount compression before cacheList, which keeps compressed variants itself`);
    } else
      this.advice.tell(
        `${said}: declare it: cacheList("${module}", { vary: ["${names.split(", ").join('", "')}"] })`,
      );
  }

  /**
   * A plain number of seconds of a call that may have computed it: it is believed, and what it looks like is
   * told.
   */
  given(call: string, ttlSeconds: number): void {
    if (looksLikeMilliseconds(ttlSeconds))
      this.advice.tell(`${call} was given ${ttlSeconds}: ${millisecondsAdvice(ttlSeconds)}`, `${call} in ms`);
  }

  /** What Express was given in the place of what it makes: `app.get("/accounts", cache.cacheList)`. */
  uncalled(name: string, write: string): TenantCacheError {
    const error = new TenantCacheError(
      "ETC_ARGUMENTS",
      `${name} was given a request, because it was mounted without being called: write ${write}`,
    );
    if (!this.#hasToldUncalled) {
      this.#hasToldUncalled = true;
      this.#logger.error(`express-tenant-cache: ${error.message}`);
    }
    return error;
  }
}
