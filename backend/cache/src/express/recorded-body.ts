// The body of an answer while it is being recorded, up to the length that may be stored.
// Tests: test/integration/recorder.test.ts
import { hash } from "node:crypto";

// The methods of a response as Node declares them have many overloads; what passes through is forwarded as it
// came.
export type Chunk = string | Buffer | Uint8Array;

export function isChunk(value: unknown): value is Chunk {
  return typeof value === "string" || value instanceof Uint8Array;
}

/** Whether `end` was called without a chunk. */
export function isNoChunk(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "function";
}

/** The encoding of a text that is written, as Node takes it; `undefined` where there is none of that name. */
export function encodingOf(encoding: unknown): BufferEncoding | undefined {
  const named = typeof encoding === "string" && encoding !== "" ? encoding : "utf8";
  return Buffer.isEncoding(named) ? named : undefined;
}

/** What waits for a chunk to be sent, if anything, as it came: `write` and `end` take a function last. */
export function callbackIn(args: readonly unknown[]) {
  return args.find((arg) => typeof arg === "function");
}

/** The same, to be called without arguments. */
export function callbackOf(args: readonly unknown[]): (() => void) | undefined {
  const written = callbackIn(args);
  return written && (() => void Reflect.apply(written, undefined, []));
}

/** Calls what waits for a chunk that goes nowhere. */
export function callBack(args: readonly unknown[]): void {
  const written = callbackOf(args);
  if (written) void Promise.resolve().then(written);
}

export class RecordedBody {
  readonly #maxBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isDropped = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Of all that has been taken, also where it is too large to be kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @returns whether it is still short enough to be stored, and text in an encoding that there is: Node
   *   refuses another one
   */
  take(chunk: Chunk, encoding: unknown): boolean {
    const named = typeof chunk === "string" ? encodingOf(encoding) : "utf8";
    if (!named) return false;
    this.#bytes += typeof chunk === "string" ? Buffer.byteLength(chunk, named) : chunk.length;
    if (this.#isDropped) return true;
    if (this.#bytes > this.#maxBytes) return false;
    // Copied, because the handler may reuse its buffer.
    this.#chunks.push(typeof chunk === "string" ? Buffer.from(chunk, named) : Buffer.from(chunk));
    return true;
  }

  /** What was taken has not been sent after all: another body may follow. */
  forget(): void {
    this.#bytes = 0;
    this.#chunks.length = 0;
  }

  /** What comes from now on is counted, and not kept. */
  drop(): void {
    this.#isDropped = true;
    this.#chunks.length = 0;
  }

  /** What was recorded so far, as one. */
  whole(): Buffer {
    const [first, ...others] = this.#chunks;
    if (first && others.length === 0) return first;
    const whole = Buffer.concat(this.#chunks);
    this.#chunks.splice(0, Infinity, whole);
    return whole;
  }

  /**
   * Weak, because middleware in front of the cache may compress what it validates (RFC 9110 section 8.8.1).
   */
  weakETag(): string {
    const body = this.whole();
    return `W/"${body.length.toString(16)}-${hash("sha1", body, "base64url")}"`;
  }
}
