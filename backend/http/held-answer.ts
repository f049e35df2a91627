// Holds an answer back until something is done about it (its record is durable, say), and sends a problem in its place where that fails.
// Tests: test/http/audited-routes.test.ts
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import type { HttpProblem } from "./problem.js";

type Methods = Pick<Response, "writeHead" | "write" | "end" | "flushHeaders">;

interface Head {
  readonly status: number;
  readonly message: string;
  readonly headers: OutgoingHttpHeaders;
}

export interface HeldAnswer {
  /** What is done before a byte leaves. What it rejects with is answered in the place of what was held. */
  readonly beforeRelease: () => Promise<void>;
  /** The problem to answer with. */
  readonly problemOf: (error: unknown) => HttpProblem;
  /** Path of the request, for the problem document. */
  readonly instance: string;
}

/** Put it before the route's other middleware: `cacheList` and what else wraps the response then writes into the hold. */
export function holdAnswer(res: Response, held: HeldAnswer): void {
  new Hold(res, held).start();
}

class Hold {
  readonly #res: Response;
  readonly #held: HeldAnswer;
  readonly #original: Methods;
  /** Of middleware before the route: what a problem keeps. */
  readonly #earlier: OutgoingHttpHeaders;
  #head: Head | undefined;
  #calls: (() => void)[] = [];
  #state: "holding" | "released" | "refused" = "holding";
  #hasEnded = false;

  constructor(res: Response, held: HeldAnswer) {
    this.#res = res;
    this.#held = held;
    const { writeHead, write, end, flushHeaders } = res;
    this.#original = { writeHead, write, end, flushHeaders };
    this.#earlier = { ...res.getHeaders() };
  }

  start(): void {
    // Not assigned one by one: V8 would take such functions for methods that stay, and keep all that they see.
    Object.assign(this.#res, {
      writeHead: (...args: unknown[]) => this.#writeHead(args),
      write: (...args: unknown[]) => this.#write(args),
      end: (...args: unknown[]) => this.#end(args),
      flushHeaders: () => this.#later(() => this.#pass("flushHeaders", [])),
    });
  }

  #pass(method: keyof Methods, args: unknown[]): unknown {
    return Reflect.apply(this.#original[method] as (...all: unknown[]) => unknown, this.#res, args);
  }

  /** Node writes the head with the first byte: it is taken here, as it is then, and written at the release. */
  #writeHead(args: unknown[]): Response {
    const res = this.#res;
    if (this.#state === "released") this.#pass("writeHead", args);
    if (this.#state !== "holding" || this.#head) return res;
    const [status, second, third] = args;
    res.statusCode = Number(status);
    if (typeof second === "string") res.statusMessage = second;
    for (const [name, value] of fieldsOf(typeof second === "string" ? third : second))
      res.setHeader(name, value);
    this.#head = { status: res.statusCode, message: res.statusMessage, headers: { ...res.getHeaders() } };
    return res;
  }

  #write(args: unknown[]): boolean {
    if (this.#state === "released") return this.#pass("write", args) as boolean;
    if (!this.#hasEnded) this.#later(() => this.#pass("write", args));
    return false;
  }

  #end(args: unknown[]): Response {
    const res = this.#res;
    if (this.#state === "released") this.#pass("end", args);
    // What ends an answer that has ended already, an error handler say, is not heard.
    else if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#later(() => this.#pass("end", args));
    }
    return res;
  }

  #later(call: () => void): void {
    if (this.#state === "released") call();
    if (this.#state !== "holding") return;
    // Through all that has wrapped it, so that what waits for the head may still change it.
    if (!this.#head) this.#res.writeHead(this.#res.statusCode);
    this.#calls.push(call);
    if (this.#calls.length > 1) return;
    this.#held.beforeRelease().then(
      () => this.#release(),
      (error: unknown) => this.#refuse(error),
    );
  }

  #release(): void {
    const res = this.#res;
    const head = this.#head;
    this.#state = "released";
    if (head) {
      this.#setHeaders(head.headers);
      this.#pass("writeHead", head.message ? [head.status, head.message] : [head.status]);
    }
    for (const call of this.#calls.splice(0)) call();
    if (!this.#hasEnded) res.emit("drain");
  }

  /** Written past all that has wrapped the response: that has seen its end already. */
  #refuse(error: unknown): void {
    this.#state = "refused";
    this.#calls = [];
    const problem = this.#held.problemOf(error);
    const body = JSON.stringify(problem.toDocument(this.#held.instance));
    this.#setHeaders({
      ...this.#earlier,
      ...problem.headers,
      "content-type": "application/problem+json; charset=utf-8",
      "cache-control": "no-store",
      "content-length": Buffer.byteLength(body),
    });
    this.#pass("writeHead", [problem.status]);
    this.#pass("end", [body]);
  }

  #setHeaders(headers: OutgoingHttpHeaders): void {
    const res = this.#res;
    for (const name of res.getHeaderNames()) if (!(name in headers)) res.removeHeader(name);
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  }
}

/** What Node's writeHead takes: an object, pairs, or names and values in turn. */
function fieldsOf(headers: unknown): [string, OutgoingHttpHeader][] {
  if (!Array.isArray(headers))
    return Object.entries((headers ?? {}) as OutgoingHttpHeaders).filter(
      (field): field is [string, OutgoingHttpHeader] => field[1] !== undefined,
    );
  if (headers.every((field) => Array.isArray(field))) return headers as [string, OutgoingHttpHeader][];
  const fields = new Map<string, string[]>();
  for (let n = 0; n + 1 < headers.length; n += 2) {
    const name = String(headers[n]);
    fields.set(name, [...(fields.get(name) ?? []), String(headers[n + 1])]);
  }
  return [...fields].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? "") : values]);
}
