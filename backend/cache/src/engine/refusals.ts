// What the server has refused while it answered other requests: counted, until somebody finds out whether it would refuse everybody.
import { later } from "../later.js";

const VERIFIED_AT_MOST_EVERY_MS = 1000;

export class Refusals {
  readonly #threshold: number;
  readonly #verify: () => void;
  #count = 0;
  #mayVerify = true;

  /** @param verify called after so many refusals, at most once in a while */
  constructor(threshold: number, verify: () => void) {
    this.#threshold = threshold;
    this.#verify = verify;
  }

  add(): void {
    if (++this.#count < this.#threshold || !this.#mayVerify) return;
    this.#count = 0;
    this.#mayVerify = false;
    later(VERIFIED_AT_MOST_EVERY_MS, () => {
      this.#mayVerify = true;
    });
    this.#verify();
  }
}
