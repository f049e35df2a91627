// The head of a response as the middleware behind this one leaves it: known before any of it goes to Node.
import {
  IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from "node:http";
import { Socket } from "node:net";
import { isFieldText } from "../codec/sendable.js";
import { setMethods } from "./own-methods.js";

type WriteHead = ServerResponse["writeHead"];

/**
 * Middleware that is mounted behind this one changes status and headers at the last moment: it waits until
 * the head is written (the `on-headers` package, a wrapped `writeHead`). The cache judges what leaves, so it
 * lets that middleware act first.
 *
 * `writeHead` of this class stands between that middleware and Node. It is called in one of two ways: the
 * handler, or Node at the first byte, writes the head; or {@link LateHead.settle} asks for it earlier, and
 * nothing is written yet.
 */
export class LateHead {
  readonly #res: ServerResponse;
  readonly #passOn: WriteHead;
  readonly #own: WriteHead;
  readonly #onWritten: ((passOn: WriteHead) => ServerResponse) | undefined;
  #state: "waiting" | "settling" | "settled" = "waiting";

  /**
   * @param onWritten called once when the head is written, not settled, with its status and headers on the
   *   response; writes it with what it is given. Default: the head is passed on as it came.
   */
  constructor(res: ServerResponse, onWritten?: (passOn: WriteHead) => ServerResponse) {
    this.#res = res;
    this.#passOn = res.writeHead;
    this.#onWritten = onWritten;
    this.#own = this.#writeHead.bind(this) as WriteHead;
    setMethods(res, { writeHead: this.#own });
  }

  /** Whether status and headers on the response are those that leave. */
  get isSettled(): boolean {
    return this.#state === "settled";
  }

  /**
   * Has all that waits for the head act now. It acts once: what is written later goes to Node directly.
   * Throws what that middleware throws.
   */
  settle(): void {
    const res = this.#res;
    if (this.#state !== "waiting" || res.headersSent) return;
    // Nobody has put anything in its place: nobody waits. What Node refuses goes the long way, which throws.
    if (res.writeHead === this.#own && isStatus(res.statusCode) && isFieldText(statusMessageOf(res))) {
      this.#settled();
      return;
    }
    this.#state = "settling";
    try {
      res.writeHead(res.statusCode);
    } catch (error) {
      // An error page may follow, whose head the same middleware may change.
      this.#state = "waiting";
      throw error;
    }
    this.#settled();
  }

  #writeHead(...args: Parameters<WriteHead>): ServerResponse {
    const res = this.#res;
    if (this.#state === "settling") {
      takeHead(res, args, this.#passOn);
      return res;
    }
    if (this.#state === "settled" || !this.#onWritten) {
      this.#settled();
      return Reflect.apply(this.#passOn, res, args);
    }
    takeHead(res, args, this.#passOn);
    this.#settled();
    return this.#onWritten(this.#passOn);
  }

  #settled(): void {
    this.#state = "settled";
    setMethods(this.#res, { writeHead: this.#passOn });
  }
}

/** What `writeHead` is called with where the headers are on the response already. */
export function statusOf(res: ServerResponse): [statusCode: number, statusMessage?: string] {
  const message = statusMessageOf(res);
  return message === "" && !withoutReason.has(res) ? [res.statusCode] : [res.statusCode, message];
}

/** Responses whose reason phrase was said to be empty (`writeHead(200, "")`), which is sent so: no word of Node's own. */
const withoutReason = new WeakSet<ServerResponse>();

/** Empty where it is the default. HTTP/2 has none, and warns of whoever reads or sets it. */
export function statusMessageOf(res: ServerResponse): string {
  return res.req?.httpVersionMajor === 2 ? "" : (res.statusMessage ?? "");
}

/**
 * Does to the response what Node's `writeHead(status, message?, headers?)` does before it writes: what is
 * there then can be read.
 *
 * @param passOn called with what Node refuses, so that it throws what it throws
 */
function takeHead(res: ServerResponse, args: readonly unknown[], passOn: WriteHead): void {
  const [code, message] = args;
  // As Node does it: `writeHead("404")` is a 404.
  const statusCode = Number(code) | 0;
  const headers = typeof message === "string" ? args[2] : (args[2] ?? message);
  const list = Array.isArray(headers) ? headers : undefined;
  // What middleware has put in the place of Node's (`on-headers`) sets one header after the other.
  const isNodes = passOn === Object.getPrototypeOf(res).writeHead;
  const hasHeaders = list !== undefined && isNodes && res.getHeaderNames().length > 0;
  const reason = typeof message === "string" ? message : statusMessageOf(res);
  const isStatusLine = statusCode >= 100 && statusCode <= 999 && isFieldText(reason);
  if (!isStatusLine || (list && isNodes && isRefused(list, hasHeaders))) Reflect.apply(passOn, res, args);
  if (typeof message === "string") res.statusMessage = message;
  if (message === "") withoutReason.add(res);
  res.statusCode = statusCode;
  if (list) takeList(res, list, hasHeaders);
  else if (typeof headers === "object" && headers !== null) {
    // Node refuses what is no value.
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders))
      if (name) res.setHeader(name, value as OutgoingHttpHeader);
  }
}

function isStatus(statusCode: unknown): boolean {
  return Number.isInteger(statusCode) && Number(statusCode) >= 100 && Number(statusCode) <= 999;
}

/** Pairs in lists of their own are taken only where they are all the headers that there are. */
function isRefused(list: readonly unknown[], hasHeaders: boolean): boolean {
  return Array.isArray(list[0]) ? hasHeaders : list.length % 2 !== 0;
}

/** Names and values in turn, or in pairs. They replace what is there. */
function takeList(res: ServerResponse, list: readonly unknown[], hasHeaders: boolean): void {
  const flat = (Array.isArray(list[0]) ? list.flat() : list) as string[];
  const names = flat.filter((_, index) => index % 2 === 0);
  for (const name of names) res.removeHeader(name);
  const isRepeatable = !hasHeaders || APPENDS_REPEATED;
  for (const [index, name] of names.entries()) {
    const value = flat[2 * index + 1] as OutgoingHttpHeader;
    if (name && isRepeatable) res.appendHeader(name, value as string);
    else if (name) res.setHeader(name, value);
  }
}

/** Of a name that is repeated in a list the last one counts before Node 22, where there are other headers. */
const APPENDS_REPEATED = (() => {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  res.setHeader("a", "0");
  res.writeHead(200, ["a", "1", "a", "2"]);
  return Array.isArray(res.getHeader("a"));
})();
