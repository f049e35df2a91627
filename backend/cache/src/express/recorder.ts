// Records what a handler answers while it goes to the client, so that it can be replayed byte for byte.
//
// The recorder puts its own `write`, `end`, `flushHeaders` and `writeHead` in the place of the response's.
//
// 1. Before the handler runs. What earlier middleware has said is remembered: it belongs to this request, not to
//    the entry. The client's conditions (`If-None-Match`) are hidden: a 304 would give nothing to store.
// 2. The head. Middleware behind the cache may change it until it is written. So `#decide` judges it when the
//    handler writes its first part or ends, after that middleware has been made to act (`late-head.ts`). What
//    may not be stored abandons its fill here, so that nobody waits for it.
// 3. The body. Each part is copied while it goes to the client. Too large a body abandons the fill.
// 4. The end. An answer as long as its head says is committed: to those who wait, and to the store. One that
//    is cut short, by an error or because the client has gone, is abandoned. Either happens once.
//
// Not every answer goes to the client (`Course`). Where the client has the bytes already, it gets a 304, and
// the body goes into the entry alone. Where the handler fails, a stale entry may be sent in its place.
//
// HEAD has no fill: the same steps only make its head what GET's would be (RFC 9110 section 9.3.2).
import { type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Request, Response } from "express";
import { setCacheStatus } from "../cache-status.js";
import { isCompressible } from "../codec/content-coding.js";
import type { Fill } from "../engine/fill.js";
import { AnswerJudge } from "./answer-judge.js";
import { HiddenConditions, isAnsweredNotModified, removeBodyHeaders } from "./conditional.js";
import { EarlierHeaders } from "./earlier-headers.js";
import { LateHead, statusMessageOf, statusOf } from "./late-head.js";
import { onFlush, onTrailers, setMethods } from "./own-methods.js";
import { type Chunk, callBack, callbackIn, isChunk, isNoChunk, RecordedBody } from "./recorded-body.js";
import { type RecordedHead, readHead, recordingOf } from "./recorded-head.js";
import { headersBefore } from "./recorded-headers.js";
import type { RecorderRules } from "./recorder-rules.js";
import { defaultCacheControl, isGone, varyByEncoding } from "./replay.js";
import { keepHead, putHeadBack, UNTOUCHED } from "./response-head.js";
import { SentLetters } from "./sent-letters.js";
import { declaredLength, declareLength, judge } from "./storability.js";
import { leaveOut, UnusedBody } from "./unused-body.js";

/**
 * Where an answer goes. `through`: to the client. `not-modified`: the client has had a 304, and the body goes
 * into the entry alone, or nowhere. `replaced`: another answer has gone to the client in its place.
 */
type Course = "through" | "not-modified" | "replaced";

/** @param fill absent for HEAD: nothing is stored */
export function recordInto(fill: Fill | undefined, req: Request, res: Response, rules: RecorderRules): void {
  new Recorder(fill, req, res, rules).start();
}

class Recorder {
  readonly #fill: Fill | undefined;
  readonly #req: Request;
  readonly #res: Response;
  readonly #rules: RecorderRules;
  readonly #before: OutgoingHttpHeaders;
  readonly #earlier: EarlierHeaders;
  readonly #original: Pick<Response, "writeHead" | "write" | "end" | "flushHeaders">;
  readonly #late: LateHead;
  /** The client's conditions, which the handler does not see: the cache answers them in its stead. */
  readonly #hidden: HiddenConditions | undefined;
  readonly #body: RecordedBody;
  readonly #judge: AnswerJudge;
  readonly #letters = new SentLetters();
  #head: RecordedHead | undefined;
  /** Headers that the handler had not set, and the cache has. */
  readonly #added: string[] = [];
  #course: Course = "through";
  #isSettled = false;
  #isEnding = false;
  #unused: UnusedBody | undefined;

  constructor(fill: Fill | undefined, req: Request, res: Response, rules: RecorderRules) {
    this.#fill = fill;
    this.#req = req;
    this.#res = res;
    this.#rules = rules;
    this.#body = new RecordedBody(rules.route.maxBodyBytes);
    this.#before = headersBefore(res);
    this.#earlier = new EarlierHeaders(res, this.#before, rules.route.vary);
    this.#judge = new AnswerJudge(req, res, this.#before, rules, fill !== undefined);
    const { writeHead, write, end, flushHeaders } = res;
    this.#original = { writeHead, write, end, flushHeaders };
    // Where the answer is known not to be stored, the handler answers the conditions itself.
    if (fill && !fill.isUnlikely) {
      const isSeen = () => !judge(res, this.#before, rules.route, declaredLength(res)).storable;
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
    const { write, end, flushHeaders } = this.#original;
    setMethods(res, {
      write: ((...args: Parameters<typeof write>) => this.#write(args)) as typeof write,
      end: ((...args: Parameters<typeof end>) => this.#end(args)) as typeof end,
      flushHeaders: () => {
        this.#letters.told("flushHeaders");
        Reflect.apply(flushHeaders, res, []);
        this.#flushed();
      },
    });
    onTrailers(res, () => this.#abandon("unstorable"));
    onFlush(res, () => this.#flushed());
    // While the store was asked, the client may have gone, whose "close" has been emitted then; or middleware
    // in front of the cache has begun to answer.
    if (isGone(res) || res.headersSent) this.#abandon("failed");
    else res.once("close", () => this.#abandon("failed"));
  }

  #write(args: Parameters<Response["write"]>): boolean {
    const res = this.#res;
    const [chunk, encoding] = args as unknown[];
    // The responses of HTTP/2 and light-my-request call `write` from their `end`: that part has been taken
    // already. What is no chunk is refused by Node.
    if (this.#isEnding || !isChunk(chunk)) return Reflect.apply(this.#original.write, res, args);
    this.#take(chunk, encoding);
    this.#letters.told("write", chunk, encoding);
    this.#settleHead(false);
    if (this.#course === "through")
      return this.#unlessRefused(() => Reflect.apply(this.#original.write, res, args));
    this.#unused ??= new UnusedBody(res, this.#original);
    if (this.#course === "not-modified") this.#unused.sendHead();
    // Nothing is recorded any more, so that nothing bounds what the handler writes but this.
    if (this.#isSettled) return this.#unused.swallow(args, this.#body.bytes);
    callBack(args);
    return true;
  }

  #end(args: Parameters<Response["end"]>): Response {
    const res = this.#res;
    const [chunk, encoding] = args as unknown[];
    // Node refuses what is no chunk before it writes the head: an error page follows.
    if (!isChunk(chunk) && !isNoChunk(chunk)) return Reflect.apply(this.#original.end, res, args);
    const whole = this.#body.bytes === 0 && !this.#head && !res.headersSent;
    // Where middleware in front holds the head back, an error page may have taken the place of the answer
    // that was begun.
    if (this.#head && this.#course === "through" && !res.headersSent && res.statusCode !== this.#head.status)
      this.#abandon("failed");
    if (isChunk(chunk)) this.#take(chunk, encoding);
    this.#letters.told("end", chunk, encoding, whole);
    this.#settleHead(whole);
    if (this.#course === "replaced" || (this.#course === "not-modified" && res.writableEnded)) {
      callBack(args);
      return res;
    }
    this.#isEnding = true;
    const passed = this.#course === "not-modified" ? [undefined, undefined, callbackIn(args)] : args;
    // The client has gone, and gets no answer. Responses of light-my-request are destroyed by their `end`.
    const wasGone = isGone(res);
    const ended = this.#unlessRefused(() => Reflect.apply(this.#original.end, res, passed));
    if (wasGone) this.#abandon("failed");
    this.#settle();
    return ended;
  }

  #unlessRefused<Sent>(send: () => Sent, refused = () => this.#refused()): Sent {
    try {
      return send();
    } catch (error) {
      refused();
      throw error;
    }
  }

  /** An error page may follow, which was not judged: it goes to the client, without what was said of the refused answer. */
  #refused(): void {
    this.#abandon("failed");
    const res = this.#res;
    if (!this.#head || this.#course === "replaced" || res.headersSent) return;
    if (this.#course === "not-modified") res.statusCode = this.#head.status;
    this.#course = "through";
    // Not the whole head: what middleware in front has made of it (compression) belongs to what it sends.
    for (const name of this.#added.splice(0)) res.removeHeader(name);
    if (this.#rules.route.own.cacheStatus)
      setCacheStatus(res, { fwd: this.#rules.fwd, detail: "unstorable" });
  }

  /**
   * An answer that is flushed before its end, and has no length, grows. Requests that would follow want its
   * parts as they come, too: they are let go, to handlers of their own.
   */
  #flushed(): void {
    if (this.#isSettled || this.#isEnding || this.#head?.contentLength !== undefined) return;
    this.#fill?.unshare();
  }

  /**
   * Puts another answer in the place of a failure that has not been sent yet; what the handler still writes
   * goes nowhere.
   */
  #answerInstead(): boolean {
    const res = this.#res;
    const { insteadOfError } = this.#rules;
    if (!insteadOfError || res.statusCode < 500) return false;
    this.#abandon("failed");
    setMethods(res, this.#original);
    const failed = keepHead(res, res.getHeaders());
    putHeadBack(res, { ...UNTOUCHED, headers: this.#before });
    this.#earlier.restore();
    if (!insteadOfError()) {
      putHeadBack(res, failed);
      return false;
    }
    this.#course = "replaced";
    leaveOut(res, (args) => this.#write(args));
    return true;
  }

  /** Middleware behind the cache changes the head now, and not later. */
  #settleHead(whole: boolean): void {
    if (this.#head || this.#course === "replaced" || this.#res.headersSent) return;
    this.#unlessRefused(
      () => this.#late.settle(),
      () => this.#body.forget(),
    );
    this.#decide(whole);
  }

  /**
   * Status and headers are final. Decides what becomes of the answer, and adds the cache's own headers.
   *
   * @param whole whether what has been taken is all of the body
   */
  #decide(whole: boolean): void {
    if (this.#answerInstead()) return;
    this.#earlier.unmark();
    const { own, onUndeclaredVary } = this.#rules.route;
    const res = this.#res;
    const bodyBytes = whole && this.#body.bytes > 0 ? this.#body.bytes : declaredLength(res);
    const storability = this.#judge.head(bodyBytes, whole ? this.#body : undefined);
    const { storable } = storability;
    // Handlers need not give a body to HEAD. Where they do, Node leaves it away, but its length is known.
    const bodyIsKnown = whole && (this.#fill !== undefined || this.#body.bytes > 0);
    if (storable && own.etag && bodyIsKnown && res.statusCode === 200 && !res.hasHeader("ETag")) {
      res.setHeader("ETag", this.#body.weakETag());
      this.#added.push("ETag");
    }
    if (!this.#fill && bodyIsKnown) declareLength(res, this.#body.bytes);
    const head = readHead(res, this.#before, storability);
    this.#head = head;
    this.#earlier.restore();
    if (!storability.storable) {
      if (storability.undeclaredVary) onUndeclaredVary(storability.undeclaredVary);
      if (this.#fill) this.#rules.onUnstored(storability.reason);
      // The client's conditions were not hidden, and the handler has answered them with a 304: without them it
      // may well be storable. Where it was shown them because it is not, that is known already.
      this.#abandon(res.statusCode === 304 && !this.#hidden?.wereSeen ? "failed" : "unstorable");
    }
    const { status, headers } = head;
    if (storable && own.vary && isCompressible({ status, headers: headers.set }, bodyBytes ?? 0))
      varyByEncoding(res);
    if (own.cacheStatus) {
      setCacheStatus(res, this.#judge.status(storability, whole));
      this.#added.push("Cache-Status");
    }
    if (own.cacheControl && defaultCacheControl(res)) this.#added.push("Cache-Control");
    const conditions = this.#hidden?.values ?? this.#req.headers;
    const isAnswering = this.#hidden?.areAnswered(storable) ?? (storable && this.#fill === undefined);
    if (!isAnswering || !isAnsweredNotModified(conditions, res)) return;
    this.#course = "not-modified";
    res.statusCode = 304;
    if (statusMessageOf(res) !== "") res.statusMessage = "";
    removeBodyHeaders(res, whole);
  }

  #take(chunk: Chunk, encoding: unknown): void {
    if (this.#body.take(chunk, encoding)) return;
    if (this.#fill) this.#rules.onUnstored("too-large");
    this.#abandon("unstorable");
  }

  #settle(): void {
    if (this.#isSettled || !this.#head) return;
    const sent = this.#letters.of(this.#head, this.#res, this.#original.end !== ServerResponse.prototype.end);
    const recording = recordingOf(sent, this.#body.whole(), this.#rules.route.maxStaleSeconds);
    const refused = recording && this.#fill && this.#judge.ask(this.#head, this.#body);
    if (!recording || !this.#fill || refused !== undefined) {
      // A body that came in parts is found too short, or too long, at its end.
      const why = refused ?? (this.#head.storability.storable ? "length" : undefined);
      if (this.#fill && why !== undefined) this.#rules.onUnstored(why);
      this.#abandon("unstorable");
      return;
    }
    this.#isSettled = true;
    this.#hidden?.show();
    this.#fill.commit(recording, this.#judge.known, this.#rules.caller);
  }

  #abandon(why: "unstorable" | "failed"): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#body.drop();
    this.#hidden?.show();
    this.#fill?.abandon(why);
  }
}
