// What a cache knows of the pools that it tracks: their catalogues, kept up to date, and the runs of handlers that read through them.
// Tests: test/integration/auto.test.ts, test/integration/auto-catalogue.test.ts, test/unit/refusals/track.test.ts
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { RunningFeed } from "../engine/feeds.js";
import { TenantCacheError } from "../errors.js";
import { later } from "../later.js";
import type { Logger } from "../logger.js";
import { messageOf } from "../thrown.js";
import { clearTimeout, delay, monotonicNow, type Timer } from "../timers.js";
import { type Catalogue, readCatalogue } from "./catalogue.js";
import { notedBy, tellNested } from "./current-reads.js";
import { HandlerReads, type KnownCatalogue, type ReadsHost } from "./handler-reads.js";
import { Statements } from "./statements.js";
import { Syntax } from "./syntax.js";
import { type Tracked, track } from "./trackable.js";

const LOOK_EVERY_MS = 60_000;
/** However often somebody doubts. */
const LOOK_AT_MOST_EVERY_MS = 1000;
const ANSWERS_WITHIN_MS = 5000;
/** The first requests, for the catalogue. */
const WAITS_MS = 250;

interface Source {
  readonly tracked: Tracked;
  known: KnownCatalogue | undefined;
  looking: Promise<void> | undefined;
  lookedAtMs: number;
  /** When the look began whose answer is known. */
  knownSinceMs: number;
}

export class ReadTracker implements ReadsHost {
  readonly #feed: RunningFeed | undefined;
  readonly #logger: Logger;
  readonly #sources = new Map<object, Source>();
  readonly #deadlines = new DeadlineQueue(ANSWERS_WITHIN_MS);
  #syntax: Syntax | undefined;
  #timer: Timer | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(feed: RunningFeed | undefined, logger: Logger) {
    this.#feed = feed;
    this.#logger = logger;
  }

  /** @throws TenantCacheError `ETC_AUTO`, `ETC_TRACK`, `ETC_LIBPG_QUERY` */
  track(given: unknown): void {
    if (!this.#feed) throw withoutFeed("track");
    const tracked = track(given);
    this.#syntax ??= new Syntax();
    if (this.#sources.has(tracked.source)) return;
    const source: Source = {
      tracked,
      known: undefined,
      looking: undefined,
      lookedAtMs: Number.NEGATIVE_INFINITY,
      knownSinceMs: Number.NEGATIVE_INFINITY,
    };
    this.#sources.set(tracked.source, source);
    void this.#look(source);
    this.#schedule();
  }

  /** @throws TenantCacheError `ETC_AUTO` where nothing is tracked, so that nothing could be noted */
  refuseUntracked(call: string): void {
    if (!this.#feed) throw withoutFeed(call);
    if (this.#sources.size > 0) return;
    throw new TenantCacheError(
      "ETC_AUTO",
      `${call}: dependsOn is "auto", and no pool is tracked, so that nobody sees what handlers read: call cache.track(pool) before routes are mounted`,
    );
  }

  get tracksAnything(): boolean {
    return this.#sources.size > 0;
  }

  /** @param epoch as the fill has read it, before the handler begins */
  begin(tenant: string, epoch: string | undefined): HandlerReads {
    return new HandlerReads(this, tenant, epoch);
  }

  /** A cached route has been reached, perhaps by a handler of another one. */
  reached(): void {
    if (this.#sources.size > 0) tellNested();
  }

  /** Runs a handler whose statements are noted. */
  during(reads: HandlerReads, handler: () => void): void {
    notedBy(reads, handler);
  }

  /** Resolves once all catalogues are known, or a request has waited long enough for them. Never rejects. */
  async settled(): Promise<void> {
    const unknown = [...this.#sources.values()].filter(({ known }) => known === undefined);
    if (unknown.length === 0) return;
    const looks = Promise.all(unknown.map((source) => this.#look(source)));
    await Promise.race([looks, delay(WAITS_MS, undefined, { ref: false })]);
  }

  catalogueOf(source: object): KnownCatalogue | undefined {
    return this.#sources.get(source)?.known;
  }

  doubt(): void {
    for (const source of this.#sources.values())
      if (monotonicNow() - source.lookedAtMs >= LOOK_AT_MOST_EVERY_MS) void this.#look(source);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#sources.values()].map(({ looking }) => looking));
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = later(LOOK_EVERY_MS, () => {
      for (const source of this.#sources.values()) void this.#look(source);
      this.#schedule();
    });
  }

  /** Never rejects. */
  #look(source: Source): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    source.looking ??= this.#read(source).finally(() => {
      source.looking = undefined;
    });
    return source.looking;
  }

  async #read(source: Source): Promise<void> {
    const lookedAtMs = monotonicNow();
    source.lookedAtMs = lookedAtMs;
    const [feed, syntax] = [this.#feed, this.#syntax];
    if (!feed || !syntax) return;
    try {
      await syntax.loaded;
      // No statement of a handler, whoever has asked for it.
      const reading = notedBy(undefined, () => readCatalogue(source.tracked.queried, feed.view));
      // Also what comes late is taken: where requests wait for connections of the pool for longer, none would be in time.
      const taken = reading.then((catalogue) => this.#take(source, catalogue, syntax, lookedAtMs));
      await this.#deadlines.race(taken);
    } catch (error) {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      this.#logger.warn(
        `express-tenant-cache: the catalogue of a tracked pool cannot be read (${messageOf(error)}): routes with dependsOn: "auto" are not cached until it can`,
      );
    }
  }

  #take(source: Source, catalogue: Catalogue, syntax: Syntax, lookedAtMs: number): void {
    if (lookedAtMs < source.knownSinceMs) return;
    source.knownSinceMs = lookedAtMs;
    this.#hasFailed = false;
    if (source.known?.state === catalogue.state) return;
    const { version, state } = catalogue;
    source.known = { version, state, statements: new Statements(catalogue, syntax) };
  }
}

function withoutFeed(call: string): TenantCacheError {
  return new TenantCacheError(
    "ETC_AUTO",
    `${call}: what handlers read is only of use with a feed, which says when it changes: createTenantCache({ feed: createFeed({ database: pool, tables }) })`,
  );
}
