// Tells writers that they may go on, also where middleware in front of the cache keeps their listeners elsewhere.
// Tests: test/integration/drained-writers.test.ts
import type { Response } from "express";
import { setMethods } from "./own-methods.js";

type Listener = Parameters<Response["on"]>[1];

/**
 * Compression takes those who wait for "drain" to the stream that compresses. That stream has not been written
 * to while the cache keeps what is written: it never drains, and what the response emits is not heard there.
 */
export class DrainListeners {
  readonly #res: Response;
  readonly #listeners: Listener[] = [];

  /** Hears of those only that come from now on. */
  constructor(res: Response) {
    this.#res = res;
    // Nobody has put anything in its place: all of them are with the response.
    if (!Object.hasOwn(res, "on")) return;
    const { on } = res;
    const adding = (type: string, listener: Listener) => {
      if (type === "drain") this.#listeners.push(listener);
      return Reflect.apply(on, res, [type, listener]);
    };
    setMethods(res, { on: adding as Response["on"] });
  }

  emit(): void {
    const res = this.#res;
    // Those of `once` are wrapped: called twice, they act once.
    const heard = new Set<unknown>(res.rawListeners("drain"));
    res.emit("drain");
    for (const listener of this.#listeners) if (!heard.has(listener)) Reflect.apply(listener, res, []);
  }
}
