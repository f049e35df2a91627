// What the feed keeps in a store: who drains, how far, and the token that says until when that is complete.

/** The clocks of the servers, by their run ids: milliseconds since the epoch. */
export type FeedClock = ReadonlyMap<string, number>;

export interface FeedTurn {
  /** Whether this process is the one that drains. */
  readonly isLeading: boolean;
  /** Whether any process has had covered reads of late. */
  readonly isWanted: boolean;
  /** What {@link FeedPlace.keep} was given last; `null` where there is nothing. */
  readonly state: string | null;
  /** Read before this was answered. */
  readonly clock: FeedClock;
}

export interface FeedAsk {
  /** Unguessable, one for each process. */
  readonly holder: string;
  /** How long nobody else drains, milliseconds. */
  readonly leaseMs: number;
  /** Present: this process has had covered reads, which counts for so long, milliseconds. */
  readonly wantedMs?: number | undefined;
}

export interface FeedStep {
  readonly holder: string;
  readonly state: string;
  /** What entries carry: see `engine/fences.ts`. */
  readonly epoch: string;
  /** As it was read before the snapshot that `state` names. */
  readonly clock: FeedClock;
  /** How long after that the token lives, milliseconds. */
  readonly lifeMs: number;
}

/** A store that offers it keeps these few keys beside its fences. */
export interface FeedPlace {
  /** Takes the lease, or renews it, and reads. */
  turn(ask: FeedAsk): Promise<FeedTurn>;
  /**
   * Keeps the state and sets epoch and token, where the lease is still the holder's. A token whose time is over is not set.
   *
   * @returns false where another process drains
   */
  keep(step: FeedStep): Promise<boolean>;
  /** Gives the lease back. */
  leave(holder: string): Promise<void>;
  /** Leaves a note for the drain, for `lifeMs`. */
  note(text: string, lifeMs: number): Promise<void>;
  /** The notes that are there. */
  notes(): Promise<readonly string[]>;
}
