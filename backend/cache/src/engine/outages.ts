// What became of the store over time: how long to wait before it is tried again, and one log line for each change that lasts.
import type { BackOff } from "../back-off.js";
import { later } from "../later.js";
import type { Logger } from "../logger.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

/** A connection that has gone is mostly back by then, or has told why it is not. */
const EXPLAINED_WITHIN_MS = 1000;
/** Another reason than the one that was told is told, too, if it stays. */
const RESTATED_AFTER_MS = 5000;
/** In use for so long: what happens next is another outage. */
const STEADY_AFTER_MS = 10_000;
/** A connection that goes so often without a word is no accident. */
const SILENT_LOSSES = 3;

const UNEXPLAINED = "connection closed";

export interface OutageTimers {
  later(delayMs: number, run: () => void): Timer;
  clearTimeout(timer: Timer | undefined): void;
}

export class Outages {
  readonly #timers: OutageTimers;
  readonly #logger: Logger;
  readonly #probes: BackOff;
  #isAway = false;
  /** Whether the store has been away, and not only been taken for that. */
  #isCertain = true;
  #reason: string | undefined;
  #told: "away" | "in use" = "in use";
  #toldReason = "";
  /** When what was told began, on the clock of {@link monotonicNow}. */
  #toldSinceMs = 0;
  #endedAtMs = 0;
  #lostAtMs = 0;
  #replayed = 0;
  /** Outages before this one, each soon after the one before, for the same reason. */
  #relapses = 0;
  #telling: Timer | undefined;
  #restating: Timer | undefined;
  /** What kind of reason has been the newest since {@link #restating} was set. */
  #restatingKind: string | undefined;
  /** Set while the store is in use again, but not for long yet. */
  #steadying: Timer | undefined;

  /**
   * @param probes how long to wait before the store is tried again: reset by a steady time, not by each
   *   return
   * @param timers those of `timers.ts`, unless a test turns the clock
   */
  constructor(logger: Logger, probes: BackOff, timers: OutageTimers = { later, clearTimeout }) {
    this.#logger = logger;
    this.#probes = probes;
    this.#timers = timers;
  }

  /** Why the store is away, as far as it is known; `undefined` while it is not away. */
  get reason(): string | undefined {
    return this.#isAway ? (this.#reason ?? UNEXPLAINED) : undefined;
  }

  /** When it went away, or was last given up, on the clock of {@link monotonicNow}: others may have used it until then. */
  get lostAtMs(): number {
    return this.#lostAtMs;
  }

  lost(): void {
    this.#lostAtMs = monotonicNow();
  }

  /**
   * How long to wait before the store is tried: not at all where it has just been connected to, unless it
   * comes and goes.
   */
  nextProbeMs(isConnected: boolean): number {
    return isConnected && this.#relapses === 0 ? 0 : this.#probes.next();
  }

  /**
   * The store is away.
   *
   * @param reason absent where nothing but that is known
   * @param isCertain false where the next probe will tell whether it is: nothing is said until then
   */
  began(reason: string | undefined, isCertain = true): void {
    this.lost();
    const isSame = this.#steadying !== undefined && kindOf(reason) === kindOf(this.#reason);
    if (this.#steadying !== undefined && !isSame) this.#settle();
    this.#timers.clearTimeout(this.#steadying);
    this.#steadying = undefined;
    this.#relapses = isSame ? this.#relapses + 1 : 0;
    this.#isAway = true;
    this.#isCertain = isCertain;
    this.#reason = reason;
    if (this.#told === "away") {
      if (reason !== undefined) this.explained(reason);
      return;
    }
    this.#toldSinceMs = monotonicNow();
    this.#replayed = 0;
    if ((reason !== undefined && isCertain) || this.#relapses + 1 >= SILENT_LOSSES) this.#tell();
    else this.#telling = this.#timers.later(EXPLAINED_WITHIN_MS, () => this.#tell());
  }

  /** More is known of why the store is away. */
  explained(reason: string): void {
    this.#isCertain = true;
    this.#reason = reason;
    const kind = kindOf(reason);
    // It stays: each attempt that fails says it again.
    if (this.#told === "away" && kind === this.#restatingKind) return;
    this.#dropRestating();
    if (this.#told !== "away") {
      this.#tell();
      return;
    }
    if (kind === kindOf(this.#toldReason)) return;
    this.#restatingKind = kind;
    this.#restating = this.#timers.later(RESTATED_AFTER_MS, () => {
      this.#restatingKind = undefined;
      this.#toldReason = this.#reason ?? reason;
      this.#logger.warn(`express-tenant-cache: store still away (${this.#toldReason})`);
    });
  }

  /** The store is in use, after so many invalidations had been replayed. */
  ended(replayed: number): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#timers.clearTimeout(this.#telling);
    this.#dropRestating();
    this.#endedAtMs = monotonicNow();
    this.#replayed += replayed;
    // Known by now: it was away, and is back. One that comes and goes is not called back before it stays.
    if (this.#relapses === 0 && (this.#isCertain || replayed > 0) && this.#told !== "away") this.#tell();
    if (this.#told === "away" && this.#relapses === 0) this.#tellBack();
    this.#steadying = this.#timers.later(STEADY_AFTER_MS, () => {
      this.#steadying = undefined;
      this.#settle();
    });
  }

  stop(): void {
    for (const timer of [this.#telling, this.#restating, this.#steadying]) this.#timers.clearTimeout(timer);
  }

  /** The outage before is over: what comes next is judged for itself. */
  #settle(): void {
    this.#probes.reset();
    this.#relapses = 0;
    if (this.#told === "away") this.#tellBack();
  }

  #dropRestating(): void {
    this.#timers.clearTimeout(this.#restating);
    this.#restatingKind = undefined;
  }

  #tell(): void {
    this.#timers.clearTimeout(this.#telling);
    this.#told = "away";
    this.#toldReason = this.#reason ?? UNEXPLAINED;
    const often = this.#relapses > 0 ? ", not for the first time" : "";
    this.#logger.warn(
      `express-tenant-cache: store away (${this.#toldReason}${often}); requests go to their handlers`,
    );
  }

  #tellBack(): void {
    this.#told = "in use";
    const awaySeconds = ((this.#endedAtMs - this.#toldSinceMs) / 1000).toFixed(1);
    this.#logger.info(
      `express-tenant-cache: store back after ${awaySeconds} s; ${this.#replayed} pending invalidations replayed`,
    );
  }
}

/** Reasons that differ in nothing but numbers, ports and attempts are the same. */
function kindOf(reason = UNEXPLAINED): string {
  return reason.replace(/\d+/g, "#");
}
