// The head of a response as the middleware behind this one leaves it: known before any of it goes to Node.
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setMethods } from "./own-methods.js";

type WriteHead = ServerResponse["writeHead"];

/**
 * Middleware that is mounted behind this one changes status and headers at the last moment: it waits until the head is written
 * (the `on-headers` package, a wrapped `writeHead`). Whoever decides by what leaves must let it act first.
 *
 * `writeHead` of this class stands between that middleware and Node. It is called in one of two ways: the handler, or Node at the first
 * byte, writes the head; or {@link LateHead.settle} asks for it earlier, and nothing is written yet.
 */
export class LateHead {
  readonly #res: ServerResponse;
  readonly #passOn: WriteHead;
  readonly #onWritten: ((passOn: WriteHead) => ServerResponse) | undefined;
  #state: "waiting" | "settling" | "settled" = "waiting";

  /**
   * @param onWritten called once when the head is written, not settled, with its status and headers on the response; writes it with
   *   what it is given. Default: the head is passed on as it came.
   */
  constructor(res: ServerResponse, onWritten?: (passOn: WriteHead) => ServerResponse) {
    this.#res = res;
    this.#passOn = res.writeHead;
    this.#onWritten = onWritten;
    setMethods(res, { writeHead: this.#writeHead.bind(this) as WriteHead });
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
      takeHeaders(res, args);
      return res;
    }
    if (this.#state === "settled" || !this.#onWritten) {
      this.#settled();
      return Reflect.apply(this.#passOn, res, args);
    }
    takeHeaders(res, args);
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
  return res.statusMessage ? [res.statusCode, res.statusMessage] : [res.statusCode];
}

/** Moves the headers of `writeHead(status, message?, headers?)` onto the response, where they can be read. */
function takeHeaders(res: ServerResponse, args: readonly unknown[]): void {
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
