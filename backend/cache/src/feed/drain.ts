// The drain: one turn reads what has become visible in the database, fences it, and renews the token. See `docs/internals/feed.md`.
// Tests: test/integration/feed-drain.test.ts, test/faults/feed-drain.test.ts

import type { FeedHost } from "../engine/feeds.js";
import { type FencedScope, partFenceKeys } from "../engine/fences.js";
import { epochOf } from "../feed-epoch.js";
import { isTag, tenantId } from "../identifiers.js";
import type { Logger } from "../logger.js";
import type { FeedPlace, FeedTurn } from "../store/feed-place.js";
import { FENCE_TTL_MS, randomToken } from "../store/fence-token.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { delay, monotonicNow } from "../timers.js";
import { isFenced, readNotes } from "./api-writes.js";
import type { Coverage } from "./coverage.js";
import {
  conclude,
  type DrainState,
  type EpochCause,
  isContinued,
  isOfOneLife,
  readState,
} from "./drain-state.js";
import type { FeedLooks } from "./feed-looks.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { begin, type Change, type Glimpse, isProbe, nextXid, tidy } from "./feed-queries.js";
import { markOf } from "./log-position.js";
import type { Probes } from "./probes.js";

export interface DrainParts {
  readonly options: ParsedFeedOptions;
  /** As it is without the feed. */
  readonly store: Store;
  readonly keys: KeySpace;
  readonly place: FeedPlace;
  readonly host: FeedHost;
  readonly looks: FeedLooks;
  readonly coverage: Coverage;
  readonly probes: Probes;
  readonly logger: Logger;
}

/** What a turn has come to. */
export interface TurnResult {
  /** Whether the token was renewed. */
  readonly isRenewed: boolean;
  readonly fenced: number;
  readonly spared: number;
  readonly cause: EpochCause | undefined;
}

const AGAIN: TurnResult = { isRenewed: false, fenced: 0, spared: 0, cause: undefined };
/** Others ask for the store between. */
const TENANTS_TOGETHER = 50;
const TIDY_EVERY_MS = 1000;
/** One that takes over may find what one that has died had begun. */
const FOREIGN_MARKERS_TELL = 3;
const FOREIGN_WITHIN_MS = 60_000;

export class Drain {
  readonly #parts: DrainParts;
  /** What the last `begin` of this process has written; not a marker of anybody's before. */
  #begun: string | undefined;
  #tidiedAtMs = Number.NEGATIVE_INFINITY;
  #isTidying = false;
  /** When markers of somebody else were found, of late. */
  #foreignAtMs: number[] = [];
  #hasToldOfForeign = false;
  readonly #lifeMs: number;
  /** How long the drain waits for notes of mutations that are under way. */
  readonly #graceMs: number;

  constructor(parts: DrainParts) {
    this.#parts = parts;
    this.#lifeMs = parts.options.maxDelayMs;
    this.#graceMs = Math.min(parts.options.maxDelayMs / 5, 100);
  }

  /**
   * One turn of the process that has the lease. Rejects where store or database cannot be asked: what is not kept is found again.
   *
   * @param isWaking whether somebody waits for the token already
   */
  async turn(holder: string, { state: text, clock }: FeedTurn, isWaking: boolean): Promise<TurnResult> {
    const { looks, coverage } = this.#parts;
    const known = readState(text);
    const [glimpse, uncovered] = await Promise.all([looks.look(known?.last), coverage.uncovered()]);
    const isOwn = this.#begun !== undefined && glimpse.marker === this.#begun;
    const isOthers = glimpse.marker !== null && glimpse.marker !== known?.marker && !isOwn;
    if (isOthers && known?.server === glimpse.server) this.#foundForeign();
    // One that says that it is the same and is not continued needs another marker: replicas must not take one for the other.
    const wentBack = isOfOneLife(known, glimpse);
    if (!isContinued(known, glimpse)) {
      if (this.#begun === undefined || !isOwn || wentBack) return this.#beginAnew();
      const fresh = this.#fresh(glimpse, this.#begun, uncovered, clock);
      // Writers may have noted nothing before this drain began, and may not have ended yet.
      const watch = /t(rue)?$/.test(glimpse.overflows) ? { watch: { below: await this.#nextXid() } } : {};
      const isRenewed = await this.#keep(holder, { ...fresh, ...watch }, clock);
      return { isRenewed, fenced: 0, spared: 0, cause: "begun" };
    }
    this.#parts.probes.seen(glimpse.changes ?? []);
    const { cause, hasOverflowed, watch } = conclude(known, glimpse, uncovered);
    const below = hasOverflowed ? await this.#nextXid() : undefined;
    const changes = glimpse.changes?.filter((change) => !isProbe(change) && change.tenant !== "*") ?? [];
    const { fenced, spared } = await this.#fence(changes, glimpse, isWaking);
    const next: DrainState = {
      server: known.server,
      marker: known.marker,
      last: glimpse.snapshot,
      overflows: glimpse.overflows,
      uncovered,
      epoch: cause ? this.#newEpoch(glimpse, uncovered, clock) : known.epoch,
      ...(below !== undefined ? { watch: { below } } : watch && { watch }),
    };
    const isRenewed = await this.#keep(holder, next, clock);
    if (isRenewed && (glimpse.changes?.length !== 0 || hasOverflowed)) this.#tidyLater(next.last);
    return { isRenewed, fenced, spared, cause };
  }

  /** The server has not been started anew, and the state was there: two caches have begun on one schema, in turns. */
  #foundForeign(): void {
    const nowMs = monotonicNow();
    this.#foreignAtMs = [...this.#foreignAtMs.filter((atMs) => nowMs - atMs < FOREIGN_WITHIN_MS), nowMs];
    if (this.#hasToldOfForeign || this.#foreignAtMs.length < FOREIGN_MARKERS_TELL) return;
    this.#hasToldOfForeign = true;
    this.#parts.logger.warn(
      `express-tenant-cache: feed: another cache (Redis or keyPrefix) drains the schema ${this.#parts.options.schema}, and each cuts the other's entries off: give one of them a schema of its own, createFeed({ schema: "${this.#parts.options.schema}_2" })`,
    );
  }

  async #nextXid(): Promise<string> {
    const { looks, options } = this.#parts;
    return String(await looks.bounded(nextXid(options.database)));
  }

  async #keep(holder: string, state: DrainState, clock: FeedTurn["clock"]): Promise<boolean> {
    const { place, host, probes } = this.#parts;
    const step = { holder, state: JSON.stringify(state), epoch: state.epoch, clock, lifeMs: this.#lifeMs };
    const isKept = await host.gate.run(() => place.keep(step));
    if (isKept) probes.arrived();
    return isKept;
  }

  /** The next turn finds the marker, in a snapshot of its own and after a look at the clock of its own. */
  async #beginAnew(): Promise<TurnResult> {
    const { looks, options, coverage } = this.#parts;
    // Another life of the database, or another database: its catalogue is another one, too.
    coverage.forget();
    const marker = randomToken();
    await looks.bounded(begin(options.database, options.schema, marker));
    this.#begun = marker;
    return AGAIN;
  }

  #fresh(
    glimpse: Glimpse,
    marker: string,
    uncovered: readonly string[],
    clock: FeedTurn["clock"],
  ): DrainState {
    return {
      server: glimpse.server,
      marker,
      last: glimpse.snapshot,
      overflows: glimpse.overflows,
      uncovered,
      epoch: this.#newEpoch(glimpse, uncovered, clock),
    };
  }

  #newEpoch(glimpse: Glimpse, uncovered: readonly string[], clock: FeedTurn["clock"]): string {
    const [nowMs = Date.now()] = clock.values();
    return epochOf(randomToken() + markIn(glimpse), uncovered, Math.floor(nowMs));
  }

  async #fence(
    changes: readonly Change[],
    glimpse: Glimpse,
    isWaking: boolean,
  ): Promise<{ fenced: number; spared: number }> {
    if (changes.length === 0) return { fenced: 0, spared: 0 };
    const { place, host } = this.#parts;
    // A mutation of the API leaves its note a moment after its commit.
    if (!isWaking) await delay(this.#graceMs, undefined, { ref: false });
    const writes = readNotes(await host.gate.run(() => place.notes()), glimpse);
    const unfenced = changes.filter((change) => !isFenced(change, writes));
    const scopes = scopesOf(unfenced);
    for (let from = 0; from < scopes.length; from += TENANTS_TOGETHER)
      await Promise.all(
        scopes.slice(from, from + TENANTS_TOGETHER).map((scope) => this.#replace(scope, markIn(glimpse))),
      );
    return { fenced: unfenced.length, spared: changes.length - unfenced.length };
  }

  async #replace(scope: FencedScope, mark: string): Promise<void> {
    const { store, keys, host } = this.#parts;
    const fenceKeys = partFenceKeys(keys, scope);
    host.forget(fenceKeys);
    await host.gate.run(() => store.replaceFences(fenceKeys, FENCE_TTL_MS, host.note(scope), mark));
    host.forget(fenceKeys);
    host.invalidated(scope);
  }

  /** Behind the turn: nobody waits for it. Where it fails, the next one comes soon. */
  #tidyLater(last: string): void {
    const nowMs = monotonicNow();
    if (this.#isTidying || nowMs - this.#tidiedAtMs < TIDY_EVERY_MS) return;
    this.#isTidying = true;
    this.#tidiedAtMs = nowMs;
    const { options, looks } = this.#parts;
    const done = () => {
      this.#isTidying = false;
    };
    looks.bounded(tidy(options.database, options.schema, last)).then(done, done);
  }
}

const markIn = ({ position }: Glimpse): string => (position ? markOf(position) : "");

/** What has changed of each tenant. Ids that are none belong to nobody whose answers are cached. */
function scopesOf(changes: readonly Change[]): FencedScope[] {
  const scopes = new Map<string, { modules: Set<string>; tags: Set<string>; everything: boolean }>();
  for (const { tenant: text, module, tag } of changes) {
    const tenant = tenantId(text);
    if (tenant === undefined) continue;
    const scope = scopes.get(tenant) ?? { modules: new Set(), tags: new Set(), everything: false };
    scopes.set(tenant, scope);
    if (tag === "*") scope.everything = true;
    else if (tag === "") scope.modules.add(module);
    else if (isTag(tag)) scope.tags.add(tag);
  }
  return [...scopes].map(([tenant, { modules, tags, everything }]) =>
    everything
      ? { tenant, modules: [], tags: [], everything }
      : { tenant, modules: [...modules], tags: [...tags] },
  );
}
