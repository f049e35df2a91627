// Records what a handler answers while it goes to the client, so that it can be replayed byte for byte.
import { hash } from "node:crypto";
import type { OutgoingHttpHeaders } from "node:http";
import type { Request, Response } from "express";
import { isCompressible } from "../codec/content-coding.js";
import type { Fill } from "../engine/fill.js";
import { type Forwarded, setCacheStatus } from "./cache-status.js";
import { hideConditions, isNotModified, isSentWithNotModified } from "./conditional.js";
import { setMethods } from "./own-methods.js";
import { type HandlerHeaders, handlerHeaders, headersBefore } from "./recorded-headers.js";
import { defaultCacheControl, varyByEncoding } from "./replay.js";
import { keepHead, putHeadBack, UNTOUCHED } from "./response-head.js";
import { cookiesChanged, judge, type Storability, type StorabilityRules } from "./storability.js";

export interface RecorderRules extends StorabilityRules {
  /** Whether hits may be sent compressed. */
  readonly compress: boolean;
  /** How long an entry is kept after it has become stale. */
  readonly maxStaleSeconds: number;
  readonly maxBodyBytes: number;
  /** Why the request is not answered from an entry. */
  readonly fwd: Forwarded;
  readonly onUndeclaredVary: (names: string) => void;
  /**
   * Answers in the handler's stead where that fails (RFC 5861 section 4), and tells whether it has; absent where nothing may.
   */
  readonly insteadOfError?: () => boolean;
}

interface Head {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: HandlerHeaders;
  readonly etag: string;
  /** As the handler declared it: middleware in front of the cache may compress and remove it. */
  readonly contentLength: ReturnType<Response["getHeader"]>;
  readonly storability: Storability;
}

// The methods of a response as Node declares them have many overloads; what passes through is forwarded as it came.
type Chunk = string | Buffer | Uint8Array;

/**
 * Wraps `writeHead`, `write` and `end` of this response. The fill is committed when the handler has ended a whole, storable
 * response, and abandoned otherwise: too large, not storable, cut short by an error or by the client.
 */
export function recordInto(fill: Fill, req: Request, res: Response, rules: RecorderRules): void {
  new Recorder(fill, req, res, rules).start();
}

class Recorder {
  readonly #fill: Fill;
  readonly #res: Response;
  readonly #rules: RecorderRules;
  readonly #before: OutgoingHttpHeaders;
  readonly #conditions: ReturnType<typeof hideConditions>;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #head: Head | undefined;
  #settled = false;
  #isEnding = false;

  constructor(fill: Fill, req: Request, res: Response, rules: RecorderRules) {
    this.#fill = fill;
    this.#res = res;
    this.#rules = rules;
    this.#before = headersBefore(res);
    this.#conditions = hideConditions(req.headers);
  }

  start(): void {
    const res = this.#res;
    const { writeHead, write, end, addTrailers } = res;
    const original = { writeHead, write, end };
    setMethods(res, {
      writeHead: ((...args: Parameters<typeof writeHead>) => {
        takeHeaders(res, args);
        if (this.#answerInstead(original)) return res;
        this.#readHead(false);
        return Reflect.apply(writeHead, res, headOf(args));
      }) as typeof writeHead,
      write: ((...args: Parameters<typeof write>) => {
        if (this.#answerInstead(original)) return true;
        // `end` of light-my-request's responses writes through `write` what it was given.
        if (!this.#isEnding) this.#take(args[0], args[1]);
        return Reflect.apply(write, res, args);
      }) as typeof write,
      end: ((...args: Parameters<typeof end>) => this.#end(original, args)) as typeof end,
      addTrailers: (...args: Parameters<typeof addTrailers>) => {
        this.#abandon("unstorable");
        return Reflect.apply(addTrailers, res, args);
      },
    });
    res.once("close", () => this.#abandon("failed"));
  }

  #end(original: Pick<Response, "writeHead" | "write" | "end">, args: Parameters<Response["end"]>): Response {
    const res = this.#res;
    if (this.#answerInstead(original)) return res;
    const whole = this.#bytes === 0 && !res.headersSent;
    if (isChunk(args[0])) this.#take(args[0], args[1]);
    const notModified = whole && this.#beforeHead();
    this.#isEnding = true;
    try {
      const passed = notModified ? args.filter((arg) => typeof arg === "function") : args;
      Reflect.apply(original.end, res, passed);
    } catch (error) {
      // Nothing was sent: what follows is an error page, not the body of this answer.
      this.#abandon("failed");
      throw error;
    }
    this.#settle();
    return res;
  }

  /** Puts another answer in the place of a failure that has not been sent yet; what the handler still writes goes nowhere. */
  #answerInstead(original: Pick<Response, "writeHead" | "write" | "end">): boolean {
    const res = this.#res;
    const { insteadOfError } = this.#rules;
    if (!insteadOfError || this.#head || res.headersSent || res.statusCode < 500) return false;
    this.#abandon("failed");
    setMethods(res, original);
    const failed = keepHead(res, res.getHeaders());
    putHeadBack(res, { ...UNTOUCHED, headers: this.#before });
    if (!insteadOfError()) {
      putHeadBack(res, failed);
      return false;
    }
    setMethods(res, { writeHead: () => res, write: () => true, end: () => res });
    return true;
  }

  /** The whole body is known and no byte has been sent: the validator can be added, and a condition answered. */
  #beforeHead(): boolean {
    const res = this.#res;
    if (res.statusCode === 200 && !res.hasHeader("ETag") && this.#bytes <= this.#rules.maxBodyBytes) {
      res.setHeader("ETag", weakETag(this.#body()));
    }
    this.#readHead(true);
    if (res.statusCode !== 200) return false;
    // Also for what is not stored: the handler could not answer the conditions, because it did not see them.
    const lastModified = res.hasHeader("Last-Modified") ? String(res.getHeader("Last-Modified")) : undefined;
    if (!isNotModified(this.#conditions.hidden, this.#head?.etag, lastModified)) return false;
    res.statusCode = 304;
    for (const name of res.getHeaderNames()) if (!isSentWithNotModified(name)) res.removeHeader(name);
    return true;
  }

  /** Reads the handler's status and headers, once, and adds the cache's own. */
  #readHead(bodyIsKnown: boolean): void {
    const res = this.#res;
    if (this.#head) {
      // Middleware that acts when the head is written (sessions) may have added a cookie since.
      if (this.#head.storability.storable && cookiesChanged(res, this.#before)) this.#abandon("unstorable");
      return;
    }
    const storability = judge(res, this.#before, this.#rules);
    this.#head = {
      status: res.statusCode,
      statusMessage: res.statusMessage ?? "",
      headers: handlerHeaders(res, this.#before),
      etag: String(res.getHeader("ETag") ?? ""),
      contentLength: res.getHeader("Content-Length"),
      storability,
    };
    const stored = storability.storable && bodyIsKnown && this.#bytes <= this.#rules.maxBodyBytes;
    if (!storability.storable && storability.undeclaredVary)
      this.#rules.onUndeclaredVary(storability.undeclaredVary);
    if (stored && this.#rules.compress && isCompressible(this.#describe(this.#head), this.#bytes))
      varyByEncoding(res);
    setCacheStatus(res, { fwd: this.#rules.fwd, stored });
    defaultCacheControl(res);
  }

  #describe({ status, headers }: Head) {
    return { status, headers: headers.set };
  }

  #take(chunk: unknown, encoding: unknown): void {
    if (!isChunk(chunk) || this.#settled) return;
    // Copied, because the handler may reuse its buffer.
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : Buffer.from(chunk);
    this.#bytes += bytes.length;
    if (this.#bytes <= this.#rules.maxBodyBytes) this.#chunks.push(bytes);
    else this.#chunks.length = 0;
  }

  /** What was recorded so far, as one. */
  #body(): Buffer {
    const [first, ...others] = this.#chunks;
    if (first && others.length === 0) return first;
    const whole = Buffer.concat(this.#chunks);
    this.#chunks.splice(0, Infinity, whole);
    return whole;
  }

  #settle(): void {
    const head = this.#head;
    const declared = head?.contentLength;
    const cutShort =
      head?.status === this.#res.statusCode && declared !== undefined && Number(declared) !== this.#bytes;
    if (!head?.storability.storable || this.#bytes > this.#rules.maxBodyBytes || cutShort) {
      this.#abandon("unstorable");
      return;
    }
    if (this.#settled) return;
    this.#settled = true;
    this.#conditions.restore();
    const { ttlSeconds, ageSeconds, mayBeStale } = head.storability;
    const createdAt = Date.now() - ageSeconds * 1000;
    const staleAt = createdAt + ttlSeconds * 1000;
    this.#fill.commit({
      createdAt,
      staleAt,
      expiresAt: staleAt + (mayBeStale ? this.#rules.maxStaleSeconds * 1000 : 0),
      status: head.status,
      statusMessage: head.statusMessage,
      etag: head.etag,
      headers: head.headers.set,
      removedHeaders: head.headers.removed,
      body: this.#body(),
      variants: [],
    });
  }

  #abandon(why: "unstorable" | "failed"): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#chunks.length = 0;
    this.#conditions.restore();
    this.#fill.abandon(why);
  }
}

function isChunk(value: unknown): value is Chunk {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** Moves the headers of `writeHead(status, message?, headers?)` onto the response, where they can be read. */
function takeHeaders(res: Response, args: readonly unknown[]): void {
  if (typeof args[0] === "number") res.statusCode = args[0];
  if (typeof args[1] === "string") res.statusMessage = args[1];
  const headers = typeof args[1] === "string" ? args[2] : args[1];
  if (Array.isArray(headers)) {
    const pairs: [string, string][] = Array.isArray(headers[0])
      ? headers
      : headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]]] : []));
    for (const [name] of pairs) res.removeHeader(name);
    for (const [name, value] of pairs) res.appendHeader(name, value);
  } else if (typeof headers === "object" && headers !== null) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) res.setHeader(name, value);
    }
  }
}

function headOf(args: readonly unknown[]): unknown[] {
  return args.filter((arg) => typeof arg === "number" || typeof arg === "string");
}

/** Weak, because middleware in front of the cache may compress what it validates (RFC 9110 section 8.8.1). */
function weakETag(body: Buffer): string {
  return `W/"${body.length.toString(16)}-${hash("sha1", body, "base64url")}"`;
}
