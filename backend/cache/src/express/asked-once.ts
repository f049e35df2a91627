// Which requests were asked before, roughly: what is asked once only is not worth remembering.
import { textHash } from "../advice/text-hash.js";

/** A power of two; 64 KiB. */
const PLACES = 2 ** 15;

/**
 * The last of them, each in a place that its hash names: what comes to the same place takes it. A request that is taken
 * for another one is remembered sooner, and one that was forgotten later; neither changes an answer.
 */
export class AskedOnce {
  #marks: Uint16Array | undefined;

  /** Whether a request of this name was asked before. */
  again(name: string): boolean {
    this.#marks ??= new Uint16Array(PLACES);
    const hash = textHash(name);
    const place = hash % PLACES;
    // 0 is an empty place.
    const mark = (hash >>> 16) | 1;
    const isAgain = this.#marks[place] === mark;
    this.#marks[place] = mark;
    return isAgain;
  }
}
