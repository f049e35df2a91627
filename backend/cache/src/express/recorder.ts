// Records what a handler answers while it goes to the client, so that it can be replayed byte for byte.
import type { OutgoingHttpHeaders } from "node:http";
import type { Request, Response } from "express";
import { type Forwarded, setCacheStatus } from "../cache-status.js";
import { isCompressible } from "../codec/content-coding.js";
import type { Fill } from "../engine/fill.js";
import { asksForReload, HiddenConditions, isAnsweredNotModified, removeBodyHeaders } from "./conditional.js";
import { LateHead, statusMessageOf, statusOf } from "./late-head.js";
import type { OwnHeaders } from "./own-headers.js";
import { setMethods } from "./own-methods.js";
import { type Chunk, callBack, isChunk, isNoChunk, RecordedBody } from "./recorded-body.js";
import { type RecordedHead, readHead, recordingOf } from "./recorded-head.js";
import { headersBefore } from "./recorded-headers.js";
import { defaultCacheControl, varyByEncoding } from "./replay.js";
import { keepHead, putHeadBack, UNTOUCHED } from "./response-head.js";
import { declaredLength, judge, type StorabilityRules } from "./storability.js";
import { UnusedBody } from "./unused-body.js";

export interface RecorderRules extends StorabilityRules {
  /** Whether hits may be sent compressed. */
  readonly compress: boolean;
  /** How long an entry is kept after it has become stale. */
  readonly maxStaleSeconds: number;
  /** Why the request is not answered from an entry. */
  readonly fwd: Forwarded;
  /** Which headers the cache may add. */
  readonly own: OwnHeaders;
  readonly onUndeclaredVary: (names: string) => void;
  /**
   * Answers in the handler's stead where that fails (RFC 5861 section 4), and tells whether it has; absent where nothing may.
   */
  readonly insteadOfError?: () => boolean;
}

/**
 * Where an answer goes. `through`: to the client. `not-modified`: the client has had a 304, and the body goes into the entry
 * alone, or nowhere. `replaced`: another answer has gone to the client in its place.
 */
type Course = "through" | "not-modified" | "replaced";

type Originals = Pick<Response, "writeHead" | "write" | "end" | "flushHeaders">;

/**
 * Wraps `writeHead`, `write` and `end` of this response. What is recorded, judged and shared is the head as middleware behind the cache
 * leaves it. The fill is committed when the handler has ended a whole, storable response. It is abandoned otherwise, as soon as that
 * is known: at the head (not storable), on the way (too large), or when it is cut short by an error or by the client.
 *
 * @param fill absent for HEAD: nothing is stored, and the head is what GET's would be (RFC 9110 section 9.3.2)
 */
export function recordInto(fill: Fill | undefined, req: Request, res: Response, rules: RecorderRules): void {
  new Recorder(fill, req, res, rules).start();
}

class Recorder {
  readonly #fill: Fill | undefined;
  readonly #req: Request;
  readonly #res: Response;
  readonly #rules: RecorderRules;
  readonly #before: OutgoingHttpHeaders;
  readonly #original: Originals;
  readonly #late: LateHead;
  /** The conditions that the handler does not see, so that somebody else must answer them. */
  readonly #hidden: HiddenConditions | undefined;
  readonly #body: RecordedBody;
  #head: RecordedHead | undefined;
  #course: Course = "through";
  #isSettled = false;
  #isEnding = false;
  #unused: UnusedBody | undefined;

  constructor(fill: Fill | undefined, req: Request, res: Response, rules: RecorderRules) {
    this.#fill = fill;
    this.#req = req;
    this.#res = res;
    this.#rules = rules;
    this.#body = new RecordedBody(rules.maxBodyBytes);
    this.#before = headersBefore(res);
    const { writeHead, write, end, flushHeaders } = res;
    this.#original = { writeHead, write, end, flushHeaders };
    // A handler that answers 304 gives nothing to store. What is not going to be stored is the handler's alone to answer.
    if (fill && !fill.isUnlikely) {
      const isSeen = () => !judge(res, this.#before, rules, declaredLength(res)).storable;
      this.#hidden = new HiddenConditions(req.headers, isSeen);
    }
    this.#late = new LateHead(res, (passOn) => {
      this.#decide(false);
      if (this.#course === "replaced") return res;
      return this.#unlessRefused(() => Reflect.apply(passOn, res, statusOf(res)));
    });
  }

  start(): void {
    const res = this.#res;
    const { addTrailers } = res;
    const { write, end, flushHeaders } = this.#original;
    setMethods(res, {
      write: ((...args: Parameters<typeof write>) => this.#write(args)) as typeof write,
      end: ((...args: Parameters<typeof end>) => this.#end(args)) as typeof end,
      addTrailers: (...args: Parameters<typeof addTrailers>) => {
        this.#abandon("unstorable");
        return Reflect.apply(addTrailers, res, args);
      },
      flushHeaders: () => {
        Reflect.apply(flushHeaders, res, []);
        this.#flushed();
      },
    });
    // What compression in front of the cache offers.
    const { flush } = res as Response & { flush?: () => void };
    if (typeof flush === "function") {
      const flushed = (...args: []) => {
        Reflect.apply(flush, res, args);
        this.#flushed();
      };
      setMethods(res, { flush: flushed });
    }
    // While the store was asked the client may have gone (then there is no such event any more), or middleware in front have begun.
    if (isGone(res) || res.headersSent) this.#abandon("failed");
    else res.once("close", () => this.#abandon("failed"));
  }

  #write(args: Parameters<Response["write"]>): boolean {
    const res = this.#res;
    const [chunk, encoding] = args as unknown[];
    // `end` of light-my-request's and HTTP/2's responses writes through `write` what it was given. Node refuses what is no chunk.
    if (this.#isEnding || !isChunk(chunk)) return Reflect.apply(this.#original.write, res, args);
    this.#take(chunk, encoding);
    this.#settleHead(false);
    if (this.#course === "through")
      return this.#unlessRefused(() => Reflect.apply(this.#original.write, res, args));
    this.#unused ??= new UnusedBody(res, this.#original);
    if (this.#course === "not-modified") this.#unused.sendHead();
    // What is recorded is soon at its end, or too large.
    if (this.#isSettled) return this.#unused.swallow(args, this.#body.bytes);
    callBack(args);
    return true;
  }

  #end(args: Parameters<Response["end"]>): Response {
    const res = this.#res;
    const [chunk, encoding] = args as unknown[];
    // Node refuses what is no chunk before it writes the head: an error page follows, and nothing may have been decided.
    if (!isChunk(chunk) && !isNoChunk(chunk)) return Reflect.apply(this.#original.end, res, args);
    const whole = this.#body.bytes === 0 && !this.#head && !res.headersSent;
    // Where middleware in front holds the head back, an error page may have taken the place of the answer that was begun.
    if (this.#head && this.#course === "through" && !res.headersSent && res.statusCode !== this.#head.status)
      this.#abandon("failed");
    if (isChunk(chunk)) this.#take(chunk, encoding);
    this.#settleHead(whole);
    if (this.#course === "replaced" || (this.#course === "not-modified" && res.writableEnded)) {
      callBack(args);
      return res;
    }
    this.#isEnding = true;
    const passed = this.#course === "not-modified" ? args.filter((arg) => typeof arg === "function") : args;
    const ended = this.#unlessRefused(() => Reflect.apply(this.#original.end, res, passed));
    this.#settle();
    return ended;
  }

  /** What Node refuses is not sent, and what follows (an error page, say) is not the answer that was judged. */
  #unlessRefused<Sent>(send: () => Sent): Sent {
    try {
      return send();
    } catch (error) {
      this.#abandon("failed");
      throw error;
    }
  }

  /** Who flushes before the end, without a length, has something to say that cannot wait: so have those who would follow. */
  #flushed(): void {
    if (this.#isSettled || this.#isEnding || this.#head?.contentLength !== undefined) return;
    this.#fill?.unshare();
  }

  /** Puts another answer in the place of a failure that has not been sent yet; what the handler still writes goes nowhere. */
  #answerInstead(): boolean {
    const res = this.#res;
    const { insteadOfError } = this.#rules;
    if (!insteadOfError || res.statusCode < 500) return false;
    this.#abandon("failed");
    setMethods(res, this.#original);
    const failed = keepHead(res, res.getHeaders());
    putHeadBack(res, { ...UNTOUCHED, headers: this.#before });
    if (!insteadOfError()) {
      putHeadBack(res, failed);
      return false;
    }
    this.#course = "replaced";
    setMethods(res, {
      writeHead: () => res,
      write: ((...args: Parameters<Response["write"]>) => this.#write(args)) as Response["write"],
      end: (...args: unknown[]) => {
        callBack(args);
        return res;
      },
    });
    return true;
  }

  /** Middleware behind the cache changes the head now, and not later. */
  #settleHead(whole: boolean): void {
    if (this.#head || this.#course === "replaced" || this.#res.headersSent) return;
    this.#late.settle();
    this.#decide(whole);
  }

  /**
   * Status and headers are final. Decides what becomes of the answer, and adds the cache's own headers.
   *
   * @param whole whether what has been taken is all of the body
   */
  #decide(whole: boolean): void {
    if (this.#answerInstead()) return;
    const { own, fwd, compress, onUndeclaredVary } = this.#rules;
    const res = this.#res;
    const bodyBytes = whole && this.#body.bytes > 0 ? this.#body.bytes : declaredLength(res);
    const storability = judge(res, this.#before, this.#rules, bodyBytes);
    const { storable } = storability;
    // Express's handlers do not give a body to HEAD; those that do have it left away by Node, and its length with it.
    const bodyIsKnown = whole && (this.#fill !== undefined || this.#body.bytes > 0);
    if (storable && own.etag && bodyIsKnown && res.statusCode === 200 && !res.hasHeader("ETag"))
      res.setHeader("ETag", this.#body.weakETag());
    if (!this.#fill && bodyIsKnown && !res.hasHeader("Content-Length") && !res.hasHeader("Transfer-Encoding"))
      res.setHeader("Content-Length", this.#body.bytes);
    const head = readHead(res, this.#before, storability);
    this.#head = head;
    if (!storability.storable) {
      if (storability.undeclaredVary) onUndeclaredVary(storability.undeclaredVary);
      // A 304 of a handler that saw the conditions says nothing about what it answers without them, unless that is why it saw them.
      this.#abandon(res.statusCode === 304 && !this.#hidden?.wereSeen ? "failed" : "unstorable");
    }
    const described = { status: head.status, headers: head.headers.set };
    if (storable && compress && isCompressible(described, bodyBytes ?? 0)) varyByEncoding(res);
    if (own.cacheStatus) setCacheStatus(res, { fwd, stored: storable && whole && this.#fill !== undefined });
    if (own.cacheControl) defaultCacheControl(res);
    const conditions = this.#hidden?.values ?? this.#req.headers;
    if (!this.#answersConditions(storable) || !isAnsweredNotModified(conditions, res)) return;
    this.#course = "not-modified";
    res.statusCode = 304;
    if (statusMessageOf(res) !== "") res.statusMessage = "";
    removeBodyHeaders(res, whole);
  }

  /** Whether it is the cache that compares, and not the handler, which has seen the conditions or would not have looked. */
  #answersConditions(storable: boolean): boolean {
    const hidden = this.#hidden;
    if (!hidden) return storable && this.#fill === undefined;
    if (hidden.wereSeen) return false;
    return storable || (hidden.wereMissed && !asksForReload(this.#req.headers));
  }

  #take(chunk: Chunk, encoding: unknown): void {
    if (!this.#body.take(chunk, encoding)) this.#abandon("unstorable");
  }

  #settle(): void {
    if (this.#isSettled || !this.#head) return;
    // Ended, but nobody has got it.
    if (isGone(this.#res)) {
      this.#abandon("failed");
      return;
    }
    const recording = recordingOf(this.#head, this.#body.whole(), this.#rules.maxStaleSeconds);
    if (!recording || !this.#fill) {
      this.#abandon("unstorable");
      return;
    }
    this.#isSettled = true;
    this.#hidden?.show();
    this.#fill.commit(recording);
  }

  #abandon(why: "unstorable" | "failed"): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#body.drop();
    this.#hidden?.show();
    this.#fill?.abandon(why);
  }
}

/** Whether the connection, or HTTP/2's stream, is gone. */
function isGone(res: Response & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  return res.destroyed || res.stream?.destroyed === true;
}
