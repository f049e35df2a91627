// The advisor: sees requests, answers and invalidations of one cache, and simulates entries for a bounded sample of them.
// Tests: test/integration/advice.test.ts

import { ownText } from "../bounded-map.js";
import { monotonicNow } from "../timers.js";
import { ADVICE_WARNINGS, warningsOf } from "./advice-warnings.js";
import type { AdvisedAnswer, AdvisedEntry } from "./advised.js";
import { BusiestTenants } from "./busiest-tenants.js";
import type { AdviceWarningCode } from "./cache-advice.js";
import { compareAnswer } from "./compare-answer.js";
import { RouteFigures, type RouteTerms } from "./route-figures.js";
import {
  ALL_HIT,
  CUT_ANSWER,
  CUT_ENTRY,
  MAX_FENCES,
  MAX_ROUTES,
  NEVER,
  PRESENT_TTL,
  REFUSED,
  SampleColumns,
  TTL_FACTORS,
} from "./sample-columns.js";
import { SeenViews } from "./seen-views.js";
import { type Asking, SimulatedEntries } from "./simulated-entries.js";
import type { TenantSample } from "./tenant-sample.js";
import { textHash } from "./text-hash.js";

const MAX_KEYS = 3072;
/** However busy the process is, so many stay. */
const LEAST_KEYS = 512;
/** What an entry takes beside its body. */
const ENTRY_BYTES = 512;
/** A hit that follows another one so soon is one, too, and at no distance. */
const REPEAT_SECONDS = 0.008;
const MAX_SIMULATED_A_SECOND = 4000;
/** Of so many simulations one is timed. */
const TIMED_EACH = 64;
/** What takes longer was held up by something else. */
const MAX_TIMED_MS = 0.5;

export class Advisor {
  readonly since = new Date();
  readonly #clock: () => number;
  readonly #startedAtMs: number;
  readonly #columns = new SampleColumns(MAX_KEYS);
  readonly #entries = new SimulatedEntries(this.#columns);
  readonly tenants = new BusiestTenants(this.#columns);
  readonly routes: RouteFigures[] = [];
  readonly #domains = new Map<string, RouteFigures>();
  readonly #views = new SeenViews();
  #windowEnd = 1;
  #inWindow = 0;
  #simulated = 0;
  #timedMs = 0;

  /** @param clock milliseconds that never go back */
  constructor(clock: () => number = monotonicNow) {
    this.#clock = clock;
    this.#startedAtMs = clock();
  }

  /** Milliseconds of this process that simulations have taken. */
  get cpuMs(): number {
    return this.#timedMs * TIMED_EACH;
  }

  get byteLength(): number {
    return this.#columns.byteLength + this.tenants.byteLength + this.#views.byteLength;
  }

  get elapsedSeconds(): number {
    return this.#now();
  }

  readonly warningCodes = ADVICE_WARNINGS;

  /** Of all routes, each with its module. */
  warnings(): (readonly [module: string, code: AdviceWarningCode])[] {
    return this.routes.flatMap((figures) =>
      warningsOf(figures).map(({ code }) => [figures.terms.module, code] as const),
    );
  }

  /** The figures of a route; those of all routes that are one too many are shared. */
  route(terms: RouteTerms): RouteFigures {
    const last = this.routes[MAX_ROUTES - 1];
    if (last) return last;
    const isLast = this.routes.length === MAX_ROUTES - 1;
    const figures = new RouteFigures(
      this.routes.length,
      isLast ? { module: "other", kind: terms.kind } : terms,
    );
    this.routes.push(figures);
    return figures;
  }

  /** Those of the values of a domain of the toolkit. */
  values(domain: string): RouteFigures {
    const known = this.#domains.get(domain);
    if (known) return known;
    const figures = this.route({ module: domain, kind: "values" });
    // Domains are parts of keys: those that are too many are not remembered.
    if (this.#domains.size < MAX_ROUTES) this.#domains.set(ownText(domain), figures);
    return figures;
  }

  /** A request asks for an entry. Called for each hit. */
  asked(entry: AdvisedEntry, asking: Asking = "none"): void {
    const { figures, sample } = entry;
    if (!figures || sample === undefined) return;
    figures.requests++;
    const tenant = this.tenants.of(entry.tenant);
    tenant.requests++;
    if (!tenant.samples(sample, figures.id)) return;
    if (++this.#simulated % TIMED_EACH > 0) {
      this.#simulate(entry, figures, tenant, sample, asking);
      return;
    }
    const readAtMs = monotonicNow();
    const startedAtMs = monotonicNow();
    this.#simulate(entry, figures, tenant, sample, asking);
    // Reading the clock takes as long as a simulation does.
    const tookMs = monotonicNow() - startedAtMs - (startedAtMs - readAtMs);
    this.#timedMs += Math.min(MAX_TIMED_MS, Math.max(0, tookMs));
  }

  /** Its handler has answered, and the answer may be stored. */
  answered(entry: AdvisedEntry, answer: AdvisedAnswer): void {
    const { figures } = entry;
    if (!figures) return;
    const { durationMs, bytes, ttlSeconds } = answer;
    if (durationMs !== undefined) figures.took(durationMs);
    figures.ttlAnswers++;
    figures.ttlSum += ttlSeconds;
    if (bytes !== undefined) {
      figures.measuredAnswers++;
      figures.answerBytes += bytes;
    }
    const tenant = this.tenants.known(entry.tenant);
    if (!tenant) return;
    const identity = answer.identity === undefined ? 0 : textHash(answer.identity) || 1;
    if (entry.view && entry.viewer && identity !== 0)
      this.#views.compare(figures, entry.view, entry.viewer, identity, tenant.invalidations);
    const place = entry.sample === undefined ? undefined : tenant.placeOf(entry.sample);
    if (place === undefined) return;
    const columns = this.#columns;
    const now = this.#now();
    this.#entries.fill(place, now - (durationMs ?? 0) / 1000, now);
    columns.marks[place] = (columns.marks[place] ?? 0) & ~REFUSED;
    columns.ttl[place] = ttlSeconds;
    if (bytes !== undefined && columns.bytes[place] !== bytes + ENTRY_BYTES)
      tenant.resize(place, bytes + ENTRY_BYTES);
    if (answer.fenceKeys || (answer.tags && entry.carriesTags)) this.#dependOn(place, entry, answer);
    if (identity !== 0) compareAnswer(figures, columns, place, identity, answer.caller);
  }

  /** Its handler has answered what may not be stored. */
  refused(entry: AdvisedEntry, reason: string, durationMs?: number): void {
    entry.figures?.refused(reason);
    this.unstored(entry, "unstorable", durationMs);
  }

  /** The same without a reason, or where there is no answer. */
  unstored(entry: AdvisedEntry, why: "unstorable" | "failed", durationMs?: number): void {
    if (durationMs !== undefined && why === "unstorable") entry.figures?.took(durationMs);
    const place = this.#placeOf(entry);
    if (place === undefined) return;
    this.#columns.drop(place);
    if (why === "unstorable") this.#columns.marks[place] = (this.#columns.marks[place] ?? 0) | REFUSED;
  }

  /** A value is written, and not loaded: it is there from now on, whatever its fences were before. */
  written(entry: AdvisedEntry, answer: AdvisedAnswer): void {
    const { figures, sample } = entry;
    if (!figures || sample === undefined) return;
    const tenant = this.tenants.of(entry.tenant);
    let place = tenant.placeOf(sample);
    // Whoever asks for it first finds it there.
    if (place === undefined && tenant.samples(sample, figures.id)) {
      place = tenant.admit(sample, figures.id);
      if (place !== undefined) this.#begin(entry, figures, place);
    }
    this.answered(entry, answer);
    if (place === undefined) return;
    tenant.touch(place);
    this.#entries.write(place, this.#now());
  }

  /** Whether the identity of an answer will be looked at. */
  compares(entry: AdvisedEntry): boolean {
    return Boolean(entry.view) || this.#placeOf(entry) !== undefined;
  }

  /** Fences of a tenant are replaced. */
  invalidated(tenant: string, fenceKeys: readonly string[]): void {
    const sample = this.tenants.known(tenant);
    if (!sample) return;
    sample.invalidations++;
    const columns = this.#columns;
    for (const key of fenceKeys) {
      const fence = fenceOf(key);
      if (!columns.mayDepend(fence)) continue;
      for (const place of sample.places()) {
        if (!columns.dependsOn(place, fence)) continue;
        const isThere = (columns.filledAt[place * TTL_FACTORS.length + PRESENT_TTL] ?? NEVER) >= 0;
        columns.marks[place] = (columns.marks[place] ?? 0) | CUT_ANSWER | (isThere ? CUT_ENTRY : 0);
        columns.drop(place);
      }
    }
  }

  #now(): number {
    return (this.#clock() - this.#startedAtMs) / 1000;
  }

  #placeOf({ tenant, sample }: AdvisedEntry): number | undefined {
    return sample === undefined ? undefined : this.tenants.known(tenant)?.placeOf(sample);
  }

  #simulate(
    entry: AdvisedEntry,
    figures: RouteFigures,
    tenant: TenantSample,
    sample: number,
    asking: Asking,
  ): void {
    const columns = this.#columns;
    const now = this.#now();
    const known = tenant.placeOf(sample);
    const place = known ?? tenant.admit(sample, figures.id);
    if (place === undefined) return;
    const weight = tenant.weightOf(figures.id);
    const asks = (columns.asks[place] ?? 0) + 1;
    columns.asks[place] = asks;
    figures.weight += weight;
    figures.hotWeight += asks;
    tenant.weight += weight;
    const idleSeconds = now - (columns.lastAskedAt[place] ?? NEVER);
    columns.lastAskedAt[place] = now;
    if (known === undefined) this.#begin(entry, figures, place);
    else if (columns.outcomes[place] === ALL_HIT && idleSeconds < REPEAT_SECONDS) {
      for (let index = 0; index < TTL_FACTORS.length; index++) figures.hit(index, weight, asks);
      tenant.curve.add(0, weight);
      return;
    }
    this.#pace(now);
    const marks = columns.marks[place] ?? 0;
    if (marks & CUT_ENTRY) figures.cutOff += weight;
    columns.marks[place] = marks & ~CUT_ENTRY;
    const outcomes = this.#entries.ask(figures, place, now, weight, asking);
    const distance = tenant.touch(place);
    if (distance !== undefined && outcomes & (1 << PRESENT_TTL))
      tenant.curve.add(distance + (columns.bytes[place] ?? 0), weight);
  }

  #begin(entry: AdvisedEntry, figures: RouteFigures, place: number): void {
    this.#columns.bytes[place] = figures.meanBytes + ENTRY_BYTES;
    this.#dependOn(place, entry, {});
  }

  #dependOn(
    place: number,
    entry: AdvisedEntry,
    { fenceKeys = entry.fenceKeys, tags = [] }: Partial<AdvisedAnswer>,
  ): void {
    // The last one tells of any tag: entries depend on their own.
    const keys = entry.carriesTags
      ? [...fenceKeys.slice(0, -1), ...tags.map((tag) => entry.tagFence?.(tag) ?? "")]
      : fenceKeys;
    this.#columns.dependOn(place, keys.slice(0, MAX_FENCES).map(fenceOf));
  }

  /** Keeps to its share of the CPU: where too much is simulated, half of the sample goes. */
  #pace(now: number): void {
    if (now > this.#windowEnd) {
      this.#windowEnd = now + 1;
      this.#inWindow = 0;
    }
    if (++this.#inWindow <= MAX_SIMULATED_A_SECOND) return;
    this.#inWindow = 0;
    this.tenants.halve(LEAST_KEYS);
  }
}

function fenceOf(key: string): number {
  return textHash(key) || 1;
}
