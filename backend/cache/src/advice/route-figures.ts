// What is counted of one route, or of one domain of values: requests, answers, and hits at each TTL.
// Tests: test/integration/advice.test.ts
import { TTL_FACTORS } from "./sample-columns.js";

/** `observed`: it is not cached. `values`: a domain of the toolkit. */
export type RouteKind = "cached" | "observed" | "values";

export interface RouteTerms {
  readonly module: string;
  readonly kind: RouteKind;
  /** Seconds; absent where a function decides. */
  readonly ttlSeconds?: number | undefined;
  /** Whether its entries are of users, roles or the like. */
  readonly isScoped?: boolean;
  readonly hasTags?: boolean;
}

/** What two answers to one request say, where no invalidation came between them. */
export interface Comparisons {
  same: number;
  differing: number;
  /** Of those that differ: the answer is the one before the last. */
  alternating: number;
  /** By callers that differ. */
  sameByOther: number;
  differingByOther: number;
}

/** Routes and reasons are few, but nobody bounds them. */
const MAX_REASONS = 32;

export class RouteFigures {
  /** Its number, below `MAX_ROUTES`. */
  readonly id: number;
  readonly terms: RouteTerms;
  /** The path as the app mounted it: "/accounts/:id". Absent before the first request, and where nobody knows. */
  path: string | undefined;
  requests = 0;
  /** What sampled requests stand for. */
  weight = 0;
  /** Weighted, for each TTL. */
  readonly hits = new Float64Array(TTL_FACTORS.length);
  /** The same, with each request counting as often as its key was asked for: what the hottest keys do. */
  hotWeight = 0;
  readonly hotHits = new Float64Array(TTL_FACTORS.length);
  /** Weighted: sampled requests whose entry a fence had cut off. */
  cutOff = 0;
  answers = 0;
  handlerMs = 0;
  answerBytes = 0;
  /** Answers whose length is known. */
  measuredAnswers = 0;
  queries = 0;
  /** Answers of which the app has told the queries. */
  toldAnswers = 0;
  /** Of stored answers. */
  ttlSum = 0;
  ttlAnswers = 0;
  readonly compared: Comparisons = {
    same: 0,
    differing: 0,
    alternating: 0,
    sameByOther: 0,
    differingByOther: 0,
  };
  /** Answers behind an invalidation that were as before. */
  unchangedRefills = 0;
  changedRefills = 0;
  /** Of different scopes, to one request. */
  sameInScopes = 0;
  differingInScopes = 0;
  /** Whether answers come without an ETag or a length, so that bodies have to be looked at. */
  needsBodies = false;
  readonly unstorable = new Map<string, number>();

  constructor(id: number, terms: RouteTerms) {
    this.id = id;
    this.terms = terms;
  }

  get meanMs(): number {
    return this.answers === 0 ? 0 : this.handlerMs / this.answers;
  }

  get meanBytes(): number {
    return this.measuredAnswers === 0 ? 0 : this.answerBytes / this.measuredAnswers;
  }

  /** Seconds; of what was stored, or as the route says. */
  get meanTtlSeconds(): number {
    return this.ttlAnswers === 0 ? (this.terms.ttlSeconds ?? 0) : this.ttlSum / this.ttlAnswers;
  }

  /** Between 0 and 1, at the TTL of that place in {@link TTL_FACTORS}; `undefined` before the first request. */
  hitRatio(index: number): number | undefined {
    if (this.requests === 0 || this.weight === 0) return undefined;
    // The hottest keys are in the sample or not: what it lacks, or has too much, are requests for them
    // (SHARDS-adj). They hit as those do that are the hottest in the sample.
    const hits = this.hits[index] ?? 0;
    const surplus = (this.requests - this.weight) * ((this.hotHits[index] ?? 0) / this.hotWeight);
    return Math.min(1, Math.max(0, (hits + surplus) / this.requests));
  }

  /** @param asks for the request's key until now */
  hit(index: number, weight: number, asks: number): void {
    this.hits[index] = (this.hits[index] ?? 0) + weight;
    this.hotHits[index] = (this.hotHits[index] ?? 0) + asks;
  }

  /** A handler has answered. */
  took(durationMs: number): void {
    this.answers++;
    this.handlerMs += durationMs;
  }

  /** The app has told how many queries an answer took. */
  asked(queries: number): void {
    this.toldAnswers++;
    this.queries += queries;
  }

  refused(reason: string): void {
    if (this.unstorable.size < MAX_REASONS || this.unstorable.has(reason))
      this.unstorable.set(reason, (this.unstorable.get(reason) ?? 0) + 1);
  }
}
