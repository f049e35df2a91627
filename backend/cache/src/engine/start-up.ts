// The first moments of a store that has to be connected to: reads wait for it, within their budget, instead of doing without.
// Tests: test/integration/store-start.test.ts
import { later } from "../later.js";
import { clearTimeout, type Timer } from "../timers.js";

/** A store that has not answered by then counts as away, also where no request has asked it. */
const SAYS_SOMETHING_WITHIN_MS = 5000;

export class StartUp {
  readonly #ended: Promise<void>;
  readonly #giveUp: () => void;
  readonly #timer: Timer;
  #end: () => void = () => undefined;
  #waited: Promise<void> | undefined;

  /** @param giveUp called where it has taken too long; must {@link end} it */
  constructor(giveUp: () => void) {
    this.#giveUp = giveUp;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#timer = later(SAYS_SOMETHING_WITHIN_MS, giveUp);
  }

  /**
   * Resolves once the start has ended. All who wait share the time limit of the first: when that is over, the
   * store is given up for all.
   *
   * @param bound rejects where that takes too long
   */
  within(bound: (ended: Promise<void>) => Promise<void>): Promise<void> {
    this.#waited ??= bound(this.#ended).catch(() => this.#giveUp());
    return this.#waited;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#end();
  }
}
