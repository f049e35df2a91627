// Judges one answer: by its head, by what its route's own functions say, and tells Cache-Status what comes of it.
// Tests: test/integration/route-functions.test.ts, test/integration/storing.test.ts
import type { OutgoingHttpHeaders } from "node:http";
import type { Request, Response } from "express";
import type { CacheStatus, UnstoredReason } from "../cache-status.js";
import type { KnownOfAnswer } from "../engine/fill.js";
import { RecordedAnswer } from "./handler-answer.js";
import type { RecordedBody } from "./recorded-body.js";
import { type RecordedHead, readHead } from "./recorded-head.js";
import type { RecorderRules } from "./recorder-rules.js";
import { declaredLength, judge, limitedTo, type Storability, unstorable } from "./storability.js";

export class AnswerJudge {
  readonly #req: Request;
  readonly #res: Response;
  readonly #before: OutgoingHttpHeaders;
  readonly #rules: RecorderRules;
  readonly #fills: boolean;
  #isAsked = false;
  #tags: readonly string[] | undefined;
  #reads: ReadonlySet<string> | undefined;

  /** @param fills false for HEAD: nothing is stored, and nobody is asked by a body that is not there */
  constructor(
    req: Request,
    res: Response,
    before: OutgoingHttpHeaders,
    rules: RecorderRules,
    fills: boolean,
  ) {
    this.#req = req;
    this.#res = res;
    this.#before = before;
    this.#rules = rules;
    this.#fills = fills;
  }

  /** The tags that the answer has named, and the modules that its handler has read, where its route is asked for them. */
  get known(): KnownOfAnswer {
    return { tags: this.#tags, reads: this.#reads };
  }

  /**
   * By the head, and by the functions as far as they can be asked by now.
   *
   * @param bodyBytes where the length is known or declared
   * @param whole the body, where that is all of it
   */
  head(bodyBytes: number | undefined, whole: RecordedBody | undefined): Storability {
    const judged = this.#judged(bodyBytes, whole);
    if (this.#fills) this.#rules.onHead(judged.storable && !whole);
    return judged;
  }

  #judged(bodyBytes: number | undefined, whole: RecordedBody | undefined): Storability {
    const { functions } = this.#rules.route;
    const judged = judge(this.#res, this.#before, this.#rules.route, bodyBytes);
    if (!judged.storable) return judged;
    const declared = this.#fills && whole ? declaredLength(this.#res) : undefined;
    if (declared !== undefined && declared !== whole?.bytes) return unstorable("length");
    const limited = limitedTo(functions.ttlSeconds(this.#req, this.#res), judged);
    if (!limited.storable || !whole || !this.#asks) return limited;
    const reason = this.ask(readHead(this.#res, this.#before, limited), whole);
    return reason === undefined ? limited : unstorable(reason);
  }

  /** Has the functions decide by the whole answer, once. */
  ask(head: RecordedHead, body: RecordedBody): UnstoredReason | undefined {
    if (!this.#asks) return undefined;
    this.#isAsked = true;
    const { reads, route } = this.#rules;
    const seen = reads?.conclude();
    if (seen && "reason" in seen) return seen.reason;
    this.#reads = seen?.modules;
    if (!route.functions.decides) return undefined;
    const decided = route.functions.decide(this.#req, new RecordedAnswer(head, body.whole()));
    if ("reason" in decided) return decided.reason;
    this.#tags = decided.tags;
    return undefined;
  }

  /** @param whole whether the body is known by now, so that it is known what becomes of it */
  status(storability: Storability, whole: boolean): CacheStatus {
    const { fwd, status } = this.#rules;
    if (status) return status;
    if (!this.#fills) return { fwd, detail: "head" };
    if (!storability.storable) return { fwd, detail: storability.reason };
    return whole ? { fwd, stored: true } : { fwd, detail: "streamed" };
  }

  get #asks(): boolean {
    const { route, reads } = this.#rules;
    return !this.#isAsked && this.#fills && (route.functions.decides || reads !== undefined);
  }
}
