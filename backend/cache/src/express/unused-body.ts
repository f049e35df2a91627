// The body of an answer that the client does not get: its writer sees no failure, and comes to an end.
// Tests: test/integration/conditions.test.ts
import type { Response } from "express";
import { setImmediate, setTimeout } from "../timers.js";
import { DrainListeners } from "./drain-listeners.js";
import { setMethods } from "./own-methods.js";
import { callBack } from "./recorded-body.js";

/**
 * What is not even recorded is read up to this length, so that whoever waits for the end of its source sees
 * it.
 */
const MAX_UNUSED_BYTES = 16 * 1024 * 1024;
const BYTES_A_TURN = 64 * 1024;
/**
 * A client that closes its connection behind its 304 would end the recording: it gets it with the end of the
 * body, or after this time.
 */
const CLOSING_CLIENT_MS = 100;

/** Whoever answers has its answer replaced: what it still writes goes nowhere. */
export function leaveOut(res: Response, write: (args: Parameters<Response["write"]>) => boolean): void {
  setMethods(res, {
    writeHead: () => res,
    write: ((...args: Parameters<Response["write"]>) => write(args)) as Response["write"],
    end: (...args: unknown[]) => {
      callBack(args);
      return res;
    },
  });
}

export class UnusedBody {
  readonly #res: Response;
  readonly #original: Pick<Response, "end" | "flushHeaders">;
  readonly #drain: DrainListeners;
  #nextTurnAtBytes = BYTES_A_TURN;
  #owesDrain = false;
  #isHeadDue = false;

  /** @param original the response's own methods, which nobody has wrapped */
  constructor(res: Response, original: Pick<Response, "end" | "flushHeaders">) {
    this.#res = res;
    this.#original = original;
    this.#drain = new DrainListeners(res);
  }

  /** The client has all of its answer with the head. */
  sendHead(): void {
    if (this.#isHeadDue) return;
    this.#isHeadDue = true;
    const res = this.#res;
    // Made now, and sent below: behind a first part no error page may take its place.
    if (!res.headersSent) res.writeHead(res.statusCode);
    const flush = () => {
      if (!res.writableEnded && !res.destroyed) Reflect.apply(this.#original.flushHeaders, res, []);
    };
    if (res.shouldKeepAlive === false) setTimeout(flush, CLOSING_CLIENT_MS).unref();
    else flush();
  }

  /**
   * Takes what `write` was called with. The next part is asked for in a later turn from time to time: the
   * source may be endless, and must get to know that the response has ended.
   *
   * @param bytes of the body, so far
   * @returns what `write` returns
   */
  swallow(args: readonly unknown[], bytes: number): boolean {
    callBack(args);
    const res = this.#res;
    if (bytes > MAX_UNUSED_BYTES && !res.writableEnded) Reflect.apply(this.#original.end, res, []);
    if (bytes < this.#nextTurnAtBytes) return true;
    if (!this.#owesDrain) {
      this.#owesDrain = true;
      setImmediate(() => {
        this.#owesDrain = false;
        this.#nextTurnAtBytes = bytes + BYTES_A_TURN;
        this.#drain.emit();
      });
    }
    return false;
  }
}
