// Reads replies that are lists of values from a buffer that the next bytes will overwrite: what is kept is copied, once, to where it stays.

const ARRAY = 0x2a; // *
const BULK = 0x24; // $
const ERROR = 0x2d; // -
const INTEGER = 0x3a; // :
const STATUS = 0x2b; // +
const MINUS = 0x2d;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const ZERO = 0x30;
const LINE_END_BYTES = 2;
/** No line of such a reply is longer, but for an error's, whose end nobody misses. */
const MAX_LINE_BYTES = 1024;

/** A fence or a number as text, an entry as bytes of its own; `null` where there is none. */
export type ArrayValue = string | Buffer | null;

/** What the next reply answers. */
export interface ArrayQuestion {
  /** How many values the reply has. */
  readonly count: number;
  /** So many values at the front are texts. */
  readonly texts: number;
  /**
   * Whether a text, a number or an error follows, in reply to the command that was sent behind it. Default
   * false.
   */
  readonly hasProof?: boolean;
  /** Whether "OK" or an error comes first, in reply to the command that was sent before it. Default false. */
  readonly hasStatus?: boolean;
  /** Where the bytes of the others go: exactly so many, which nobody else has. */
  room(bytes: number): Buffer;
}

/** Not from Node's pool: a small entry would keep what others have read. */
export const OWN_ROOM: ArrayQuestion["room"] = (bytes) => Buffer.allocUnsafeSlow(bytes);

export interface ArrayListener {
  /** `undefined` where nothing was asked. */
  next(): ArrayQuestion | undefined;
  /** `proof`: the text that has followed; `null` where that is none, or a number. */
  values(values: ArrayValue[], proof: string | null): void;
  /** The server has answered one of them with an error instead. */
  refused(message: string): void;
}

/**
 * A parser of RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/) for arrays of bulk
 * strings and numbers, each with a status before it, and a bulk string or a number behind it, where that was
 * asked for; and for errors. Anything else throws, because what follows it cannot be told apart.
 */
export class ArrayReplies {
  readonly #listener: ArrayListener;
  /** The beginning of a line whose end has not come yet. */
  #line: Buffer | undefined;
  #values: ArrayValue[] = [];
  /** Values of the present reply that are still to come. */
  #missing = 0;
  #texts = 0;
  #hasProof = false;
  /** The status of the present reply has come. */
  #hasStatus = false;
  /** The values are there, or an error in their place; their proof is not. */
  #awaitsProof = false;
  #refusal: string | undefined;
  #room = OWN_ROOM;
  /** A value whose end has not come yet, and how much of it has. */
  #body: Buffer | undefined;
  #bodyBytes = 0;
  #skipBytes = 0;

  constructor(listener: ArrayListener) {
    this.#listener = listener;
  }

  /** Reads the first `end` bytes; none of them is needed afterwards. */
  take(chunk: Buffer, end: number): void {
    let offset = 0;
    while (offset < end) {
      if (this.#body) offset = this.#continueBody(this.#body, chunk, offset, end);
      else if (this.#skipBytes > 0) {
        const skipped = Math.min(this.#skipBytes, end - offset);
        this.#skipBytes -= skipped;
        offset += skipped;
      } else offset = this.#takeLine(chunk, offset, end);
    }
  }

  #takeLine(chunk: Buffer, offset: number, end: number): number {
    let feed = offset;
    while (feed < end && chunk[feed] !== LINE_FEED) feed++;
    if (feed === end || this.#line) {
      const part = chunk.subarray(offset, Math.min(feed + 1, end));
      const line = Buffer.concat(this.#line ? [this.#line, part] : [part]);
      if (line.length > MAX_LINE_BYTES) throw new Error("a reply with a line that is too long");
      this.#line = feed === end ? line : undefined;
      // The line is complete, but what it announces begins in the chunk.
      return feed === end ? end : this.#interpret(line, 0, line.length - 1, chunk, feed + 1, end);
    }
    return this.#interpret(chunk, offset, feed, chunk, feed + 1, end);
  }

  /** @returns where in the chunk to go on */
  #interpret(line: Buffer, start: number, feed: number, chunk: Buffer, next: number, end: number): number {
    const lineEnd = line[feed - 1] === CARRIAGE_RETURN ? feed - 1 : feed;
    const type = line[start];
    if (type === BULK && (this.#missing > 0 || this.#awaitsProof)) {
      const bytes = numberIn(line, start + 1, lineEnd);
      if (bytes < 0) {
        this.#push(null);
        return next;
      }
      return this.#beginBody(bytes, chunk, next, end);
    }
    if (type === INTEGER && this.#missing > 0) {
      this.#push(line.toString("latin1", start + 1, lineEnd));
      return next;
    }
    if (this.#missing > 0) throw new Error("a reply that ends early");
    if (type === INTEGER && this.#awaitsProof) this.#end(null);
    else if ((type === STATUS || type === ERROR) && this.#awaitsStatus()) {
      this.#hasStatus = true;
      if (type === ERROR) this.#refusal = line.toString("latin1", start + 1, lineEnd);
    } else if (type === ERROR) this.#refuse(line.toString("latin1", start + 1, lineEnd));
    else if (type === ARRAY && !this.#awaitsProof) {
      const question = this.#listener.next();
      this.#values = [];
      this.#missing = numberIn(line, start + 1, lineEnd);
      // Whatever went wrong: no later reply may be taken for the answer to another question.
      if (!question || this.#missing !== question.count) throw new Error("a reply to another question");
      this.#texts = question.texts;
      this.#room = question.room;
      this.#hasProof = question.hasProof === true;
    } else throw new Error("a reply that is neither values nor an error");
    return next;
  }

  #beginBody(bytes: number, chunk: Buffer, offset: number, end: number): number {
    const bodyEnd = offset + bytes;
    if (this.#isText() && bodyEnd <= end) {
      this.#skipBytes = LINE_END_BYTES;
      this.#push(chunk.toString("latin1", offset, bodyEnd));
      return bodyEnd;
    }
    this.#body = this.#isText() ? OWN_ROOM(bytes) : this.#room(bytes);
    this.#bodyBytes = 0;
    return this.#continueBody(this.#body, chunk, offset, end);
  }

  #continueBody(body: Buffer, chunk: Buffer, offset: number, end: number): number {
    const bytes = Math.min(body.length - this.#bodyBytes, end - offset);
    chunk.copy(body, this.#bodyBytes, offset, offset + bytes);
    this.#bodyBytes += bytes;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      this.#skipBytes = LINE_END_BYTES;
      this.#push(this.#isText() ? body.toString("latin1") : body);
    }
    return offset + bytes;
  }

  #awaitsStatus(): boolean {
    return !this.#awaitsProof && !this.#hasStatus && this.#listener.next()?.hasStatus === true;
  }

  #isText(): boolean {
    return this.#awaitsProof || this.#values.length < this.#texts;
  }

  #push(value: ArrayValue): void {
    // The proof is a text, as all that comes while it is awaited.
    if (this.#awaitsProof) {
      this.#end(value as string | null);
      return;
    }
    this.#values.push(value);
    if (--this.#missing > 0) return;
    if (this.#hasProof) this.#awaitsProof = true;
    else this.#end(null);
  }

  #refuse(message: string): void {
    this.#refusal ??= message;
    if (this.#awaitsProof || this.#listener.next()?.hasProof !== true) this.#end(null);
    else this.#awaitsProof = true;
  }

  #end(proof: string | null): void {
    const refusal = this.#refusal;
    this.#awaitsProof = false;
    this.#hasStatus = false;
    this.#refusal = undefined;
    if (refusal === undefined) this.#listener.values(this.#values, proof);
    else this.#listener.refused(refusal);
  }
}

function numberIn(line: Buffer, start: number, end: number): number {
  if (line[start] === MINUS) return -1;
  let number = 0;
  for (let index = start; index < end; index++) {
    const digit = (line[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) throw new Error("a reply with a length that is no number");
    number = number * 10 + digit;
  }
  return number;
}
