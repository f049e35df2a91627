// Holds a response back until something has happened: no byte of it reaches the client before.
// Tests: test/integration/held-response.test.ts, test/integration/http2-answers.test.ts
import { IncomingMessage, type OutgoingHttpHeader, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Response } from "express";
import { DrainListeners } from "./drain-listeners.js";
import { LateHead, statusMessageOf } from "./late-head.js";
import { setMethods } from "./own-methods.js";
import { callbackOf, encodingOf, isChunk, isNoChunk } from "./recorded-body.js";
import { spelledNames } from "./recorded-headers.js";

/**
 * `begun`: the handler writes the first part of its answer. `ended`: it has ended it. `closed`: the
 * connection is gone and the handler has not ended its answer; it may still be at work.
 */
export type Moment = "begun" | "ended" | "closed";

/**
 * Calls `beforeRelease` when the handler begins to answer, and lets the answer go when that has resolved.
 * Once more when it ends, where it was written in parts: what the handler did in between is covered too. Also
 * called where the response is closed without having been ended, because the handler may have written by
 * then.
 *
 * @param beforeRelease must not reject
 * @param fail gets what Node throws when the answer is let go (a body that is no text, a status that is
 *   none): without the hold the handler would have thrown it
 */
export function holdBack(
  res: Response,
  beforeRelease: (moment: Moment) => Promise<void>,
  fail: (error: unknown) => void,
): void {
  new HeldResponse(res, beforeRelease, fail).start();
}

/**
 * How far the answer has come.
 *
 * - `unanswered`: the handler has not begun.
 * - `begun`: it has written something, which is held until `beforeRelease("begun")` has resolved.
 * - `flowing`: that has been let go, and what the handler writes now goes straight to Node.
 * - `begun-and-ended`: it has ended while its first part is held. When that is let go, the end is held in its
 *   turn.
 * - `ended`: the end, and with it all of an answer that was written at once, is held until
 *   `beforeRelease("ended")` has resolved.
 * - `released`: all is with Node.
 *
 *     unanswered ──write──▶ begun ──let go──▶ flowing
 *         │                   │                  │
 *        end                 end                end
 *         ▼                   ▼                  ▼
 *       ended ◀──let go── begun-and-ended      ended ──let go──▶ released
 */
type State = "unanswered" | "begun" | "flowing" | "begun-and-ended" | "ended" | "released";

/**
 * The responses of HTTP/2 and light-my-request call `write` from their `end`. One for all holds: a response may
 * be held twice.
 */
const ending = new WeakSet<Response>();

class HeldResponse {
  readonly #res: Response;
  readonly #beforeRelease: (moment: Moment) => Promise<void>;
  readonly #fail: (error: unknown) => void;
  readonly #original: Pick<Response, "write" | "end" | "flushHeaders">;
  readonly #late: LateHead;
  readonly #drain: DrainListeners;
  readonly #wrapped: ReadonlySet<string>;
  #state: State = "unanswered";
  /** Calls of the handler that wait for `beforeRelease("begun")`, in their order. */
  #held: (() => void)[] = [];
  /** Its call of `end`. */
  #heldEnd: () => void = () => undefined;
  /** Gives the head back, which is frozen while `end` is held. */
  #thaw: () => void = () => undefined;
  /** A writer was told to wait, and has nothing else to wait for than the release. */
  #owesDrain = false;

  constructor(
    res: Response,
    beforeRelease: (moment: Moment) => Promise<void>,
    fail: (error: unknown) => void,
  ) {
    this.#res = res;
    this.#beforeRelease = beforeRelease;
    this.#fail = fail;
    this.#wrapped = new Set(["write", "end"].filter((method) => Object.hasOwn(res, method)));
    this.#original = { write: res.write, end: res.end, flushHeaders: res.flushHeaders };
    this.#late = new LateHead(res);
    this.#drain = new DrainListeners(res);
  }

  start(): void {
    const res = this.#res;
    setMethods(res, {
      write: ((...args: unknown[]) => this.#write(args)) as typeof res.write,
      flushHeaders: () => this.#flushHeaders(),
      end: ((...args: unknown[]) => this.#end(args)) as typeof res.end,
    });
    this.#holdFlush(res);
    const closed = () => {
      if (!this.#hasEnded) void this.#beforeRelease("closed");
    };
    if (isClosed(res)) closed();
    else res.once("close", closed);
  }

  /** What compression in front offers: it sends what was written, which may be held, too. */
  #holdFlush(res: Response & { flush?: () => void }): void {
    const { flush } = res;
    if (typeof flush !== "function") return;
    const flushNow = () => Reflect.apply(flush, res, []);
    const flushInTurn = () => {
      if (this.#state === "begun") this.#held.push(flushNow);
      else if (!this.#hasEnded) flushNow();
    };
    setMethods(res, { flush: flushInTurn });
  }

  get #hasEnded(): boolean {
    return this.#state === "begun-and-ended" || this.#state === "ended" || this.#state === "released";
  }

  #write(args: unknown[]): boolean {
    const write = () => Reflect.apply(this.#original.write, this.#res, args) as boolean;
    if (this.#state === "flowing" || ending.has(this.#res)) return write();
    if (this.#hasEnded) {
      this.#ignore(args);
      return false;
    }
    this.#refuse("write", args);
    if (isChunk(args[0])) settleHead(this.#res);
    this.#owesDrain = true;
    this.#begin(write);
    return false;
  }

  #flushHeaders(): void {
    const flush = () => Reflect.apply(this.#original.flushHeaders, this.#res, []);
    if (this.#state === "flowing") flush();
    if (this.#state === "flowing" || this.#hasEnded) return;
    settleHead(this.#res);
    this.#begin(flush);
  }

  #end(args: unknown[]): Response {
    const res = this.#res;
    if (this.#state === "released") return this.#endNow(args);
    if (this.#hasEnded) {
      this.#ignore(args);
      return res;
    }
    this.#refuse("end", args);
    // Also the status by which the moment is judged may be changed at the last moment.
    this.#late.settle();
    this.#thaw = freezeHead(res);
    this.#heldEnd = () => {
      this.#thaw();
      this.#endNow(args);
    };
    if (this.#state === "begun") this.#state = "begun-and-ended";
    else this.#holdEnd();
    return res;
  }

  #endNow(args: unknown[]): Response {
    ending.add(this.#res);
    try {
      return Reflect.apply(this.#original.end, this.#res, args);
    } finally {
      ending.delete(this.#res);
    }
  }

  /**
   * What Node refuses before it writes anything is refused now: the handler is told as without the hold, and
   * may answer in another way.
   */
  #refuse(method: "write" | "end", [chunk, encoding]: unknown[]): void {
    // Middleware in front may take what Node does not.
    if (this.#wrapped.has(method)) return;
    if (typeof chunk === "string" && !encodingOf(encoding)) Buffer.from(chunk, encoding as BufferEncoding);
    // To `end` what is false is no part.
    const isTaken = isChunk(chunk) || (method === "end" && (isNoChunk(chunk) || !chunk));
    if (!isTaken) new ServerResponse(new IncomingMessage(new Socket())).write(chunk);
  }

  /**
   * What comes behind the end, of an error handler say, is not heard. Whoever waits for it to be written
   * hears of the end.
   */
  #ignore(args: unknown[]): void {
    const written = callbackOf(args);
    if (written) this.#res.once("finish", written);
  }

  /** The first call of the handler starts the hold; those behind it wait with it. */
  #begin(call: () => void): void {
    this.#held.push(call);
    if (this.#state === "begun") return;
    this.#state = "begun";
    void this.#beforeRelease("begun").finally(() => this.#letGo());
  }

  #letGo(): void {
    const hasEnded = this.#hasEnded;
    this.#state = hasEnded ? "released" : "flowing";
    const calls = this.#held;
    this.#held = [];
    if (!this.#succeeds(calls)) return;
    if (hasEnded) this.#holdEnd();
    else if (this.#owesDrain) this.#drain.emit();
    this.#owesDrain = false;
  }

  #holdEnd(): void {
    this.#state = "ended";
    void this.#beforeRelease("ended").finally(() => {
      this.#state = "released";
      this.#succeeds([this.#heldEnd]);
    });
  }

  /** Makes the calls that the handler has made. */
  #succeeds(calls: readonly (() => void)[]): boolean {
    try {
      for (const call of calls) call();
      return true;
    } catch (error) {
      // An error page may follow.
      this.#thaw();
      this.#fail(error);
      return false;
    }
  }
}

/** Before it was held: it tells nobody any more. */
function isClosed(res: Response & { readonly stream?: { readonly closed?: boolean } }): boolean {
  return res.closed === true || res.stream?.closed === true;
}

/**
 * Writes status and headers, as the held call will not do before it is let go: from now on the handler is
 * told that they are sent, so that no error handler puts a second answer behind the first part of this one.
 * Nothing is sent yet.
 */
function settleHead(res: Response): void {
  if (!res.headersSent) res.writeHead(res.statusCode);
}

/**
 * Keeps status and headers as they are now, whatever is done to them until the returned function is called.
 */
function freezeHead(res: Response): () => void {
  if (res.headersSent) return () => undefined;
  const { statusCode, writeHead } = res;
  const statusMessage = statusMessageOf(res);
  const headers = headersOf(res);
  setMethods(res, { writeHead: () => res });
  let isFrozen = true;
  return () => {
    if (!isFrozen) return;
    isFrozen = false;
    res.writeHead = writeHead;
    res.statusCode = statusCode;
    if (statusMessage !== statusMessageOf(res)) res.statusMessage = statusMessage;
    const kept = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
    for (const name of res.getHeaderNames()) if (!kept.has(name)) res.removeHeader(name);
    for (const [name, value] of headers) if (res.getHeader(name) !== value) res.setHeader(name, value);
  };
}

function headersOf(res: Response): [string, OutgoingHttpHeader][] {
  return spelledNames(res).map((name) => [name, res.getHeader(name) ?? ""]);
}
