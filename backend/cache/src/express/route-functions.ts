// What a route's own functions say of a request or an answer. One that throws, or returns what it may not, costs the cache and never the request.
// Tests: test/integration/route-functions.test.ts
import type { Request, Response } from "express";
import type { BypassReason, UnstoredReason } from "../cache-status.js";
import { ID_FORM, isTag } from "../identifiers.js";
import type { ReturnedValues } from "../misuse/returned-values.js";
import type { HandlerAnswer, ParsedRouteOptions } from "../options/route-options.js";
import { isThenable } from "../shown.js";
import { MAX_TTL_SECONDS } from "../ttl-seconds.js";
import { canonicalData } from "./request-key.js";

/** Each is one more key to read, and stands in front of the entry. */
const MAX_TAGS_OF_ANSWER = 256;

/** What is made of an answer: its tags, or why it is not stored. */
export type Decided = { readonly tags?: readonly string[] } | { readonly reason: UnstoredReason };

const NO_OBJECTION: Decided = {};

/** Functions that throw, or return what they may not, say this. */
const NONSENSE = Symbol("nonsense");
type Nonsense = typeof NONSENSE;

type Options = Pick<ParsedRouteOptions, "skip" | "varyBy" | "ttlSeconds" | "shouldStore" | "tags">;

export class RouteFunctions {
  /** The most that an answer's TTL may be, whatever the function says. */
  readonly maxTtlSeconds: number;
  /** Whether answers are asked for their tags. */
  readonly tagsOfAnswers: boolean;
  /** Whether anything but `decide` need be asked. */
  readonly decides: boolean;
  readonly #module: string;
  readonly #options: Options;
  readonly #returned: ReturnedValues;

  constructor(module: string, options: Options, returned: ReturnedValues) {
    this.#module = module;
    this.#options = options;
    this.#returned = returned;
    const { ttlSeconds, shouldStore, tags } = options;
    this.maxTtlSeconds = typeof ttlSeconds === "number" ? ttlSeconds : MAX_TTL_SECONDS;
    this.tagsOfAnswers = tags !== undefined && tags.length > 1;
    this.decides = shouldStore !== undefined || this.tagsOfAnswers;
  }

  /** Also where nobody can tell whether it should: that is what the option is there to prevent. */
  skips(req: Request): boolean {
    const { skip } = this.#options;
    if (!skip) return false;
    const said = this.#ask("skip", () => skip(req), BYPASSES);
    return said === NONSENSE || Boolean(said);
  }

  /** In canonical form; `undefined` where it is no data: the request bypasses the cache. */
  varied(req: Request): string | { readonly bypass: BypassReason } {
    const { varyBy } = this.#options;
    if (!varyBy) return "";
    const said = this.#ask("varyBy", () => varyBy(req), BYPASSES);
    if (said === NONSENSE) return { bypass: "vary-by" };
    const isRecord = typeof said === "object" && said !== null && !Array.isArray(said);
    const text = isRecord ? canonicalData(said) : undefined;
    if (text !== undefined) return text;
    this.#wrong("varyBy", said, "return an object of texts, {} where there is nothing", BYPASSES);
    return { bypass: "vary-by" };
  }

  /** Whole seconds; 0 where the answer is not to be stored. */
  ttlSeconds(req: Request, res: Response): number {
    const { ttlSeconds } = this.#options;
    if (typeof ttlSeconds === "number") return ttlSeconds;
    const said = this.#ask("ttlSeconds", () => ttlSeconds(req, res), NOT_STORED);
    if (said === undefined || said === NONSENSE) return 0;
    const isTime = typeof said === "number" && said <= MAX_TTL_SECONDS;
    if (!isTime) {
      const advice = `return seconds, at most ${MAX_TTL_SECONDS} (30 days), or undefined where the answer is not to be stored`;
      this.#wrong("ttlSeconds", said, advice, NOT_STORED);
    }
    return isTime ? Math.max(0, Math.floor(said)) : 0;
  }

  /** Asked of an answer that may be stored, once its body is there. */
  decide(req: Request, answer: HandlerAnswer): Decided {
    const { shouldStore, tags } = this.#options;
    if (shouldStore) {
      const said = this.#ask("shouldStore", () => shouldStore(req, answer), NOT_STORED);
      if (said === NONSENSE || !said) return { reason: "should-store" };
    }
    if (!tags || !this.tagsOfAnswers) return NO_OBJECTION;
    const said = this.#ask("tags", () => tags(req, answer), NOT_STORED);
    if (said === NONSENSE) return { reason: "tags" };
    const named = Array.isArray(said) ? [...new Set<unknown>(said)] : undefined;
    if (named?.every(isTag) && named.length <= MAX_TAGS_OF_ANSWER) return { tags: named };
    const odd = named?.find((tag) => !isTag(tag)) ?? said;
    this.#wrong(
      "tags",
      odd,
      `return at most ${MAX_TAGS_OF_ANSWER} tags in an array, each of ${ID_FORM}`,
      NOT_STORED,
    );
    return { reason: "tags" };
  }

  #ask(name: string, call: () => unknown, consequence: string): unknown {
    try {
      const said = call();
      if (!isThenable(said)) return said;
      this.#wrong(name, said, "", consequence);
    } catch (error) {
      this.#returned.threw(`the ${name} function of module ${this.#module}`, error, consequence);
    }
    return NONSENSE satisfies Nonsense;
  }

  #wrong(name: string, said: unknown, advice: string, consequence: string): void {
    this.#returned.wrong(`the ${name} function of module ${this.#module}`, said, advice, consequence);
  }
}

const BYPASSES = "such requests bypass the cache";
const NOT_STORED = "such answers are not stored";
