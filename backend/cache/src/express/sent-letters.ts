// The letters beyond ASCII of a head, as Node sends them: a hit has the bytes that the handler's answer had.
// Tests: test/integration/heads-beyond-ascii.test.ts
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { hasLength } from "../codec/sendable.js";
import type { RecordedHead } from "./recorded-head.js";

/** What the head of an answer goes out with. */
type Company = "flush" | "text" | "empty-text" | "bytes";

/**
 * Node sends the head in one write with the first part of the body. Where that is a text, the head is written
 * in the text's encoding, UTF-8, and otherwise in Latin-1. A hit's body is always bytes. So the entry's
 * letters are kept as the bytes that they became, each byte as one Latin-1 letter. HTTP/2 has heads of their
 * own, always in Latin-1.
 */
export class SentLetters {
  #company: Company | undefined;
  #isAtOnce = false;

  /** Told of each call before Node gets it; the first one counts. @param atOnce `end` with all of the body */
  told(call: "flushHeaders" | "write" | "end", chunk?: unknown, encoding?: unknown, atOnce = false): void {
    if (this.#company || (call === "end" && !chunk)) return;
    // By these names alone Node joins head and text in UTF-8; not by "UTF-8".
    const isText =
      typeof chunk === "string" && (!encoding || typeof encoding === "function" || encoding === "utf8");
    this.#isAtOnce = atOnce;
    if (call === "flushHeaders") this.#company = "flush";
    else if (!isText) this.#company = "bytes";
    else this.#company = chunk === "" ? "empty-text" : "text";
  }

  /**
   * The head as the client has got it; the same one where it is ASCII.
   *
   * @param isWrapped whether middleware in front of the cache has the body before Node, and may send it in
   *   another way
   */
  of(head: RecordedHead, res: ServerResponse, isWrapped: boolean): RecordedHead {
    const { statusMessage, etag, headers } = head;
    const isASCII =
      !headers.set.some(([, value]) => isBeyondASCII(value)) &&
      !isBeyondASCII(statusMessage) &&
      !isBeyondASCII(etag);
    if (isASCII || !(res instanceof ServerResponse)) return head;
    const isUTF8 = this.#isUTF8(head) && !(isWrapped && isSentAsBytes(res));
    const sent = (text: string) => Buffer.from(text, isUTF8 ? "utf8" : "latin1").toString("latin1");
    const isRead = READS_FILE_NAMES && this.#isAtOnce && !isWrapped;
    const set = headers.set.map(([name, value]): [string, string] => [
      name,
      sent(isRead && isFileName(name) ? readAsUTF8(value) : value),
    ]);
    return { ...head, statusMessage: sent(statusMessage), etag: sent(etag), headers: { ...headers, set } };
  }

  #isUTF8({ status, contentLength }: RecordedHead): boolean {
    if (this.#company === "flush") return true;
    if (!hasLength(status)) return false;
    // The first part of a chunked body goes out behind its length, which is Latin-1.
    if (this.#company === "text") return this.#isAtOnce || contentLength !== undefined;
    return this.#company === "empty-text";
  }
}

/** Compressed, or behind the lengths of its parts. */
function isSentAsBytes(res: ServerResponse): boolean {
  return res.chunkedEncoding || res.hasHeader("Content-Encoding");
}

/** Of what Node sends as the value of a field, which has no letters beyond Latin-1. */
export function isBeyondASCII(text: string): boolean {
  return BEYOND_ASCII.test(text);
}

const BEYOND_ASCII = /[\x80-\xff]/;

/** Whether Node reads its value as UTF-8, where it computes the length of the body (nodejs/node#46528). */
export function isFileName(name: string): boolean {
  return name.toLowerCase() === "content-disposition";
}

function readAsUTF8(value: string): string {
  return String(Buffer.from(value, "latin1"));
}

const READS_FILE_NAMES = (() => {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  const value = "\xe9";
  res.setHeader("Content-Disposition", value).end("text");
  const { _header: head } = res as ServerResponse & { readonly _header?: string };
  return head?.includes(readAsUTF8(value)) ?? false;
})();
