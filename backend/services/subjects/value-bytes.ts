// From a JSON value to the bytes that are encrypted, and back: compressed, and padded.
// Tests: test/unit/value-bytes.test.ts
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";

// offset  bytes
//      0      1  0: JSON, 1: JSON, deflated (RFC 1951)
//      1      4  n, the length of what follows
//      5      n  it
//      5+n       zeros, up to the bucket's size
const HEAD_BYTES = 5;
const PLAIN = 0;
const DEFLATED = 1;

/** Of a value's JSON. */
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;
const COMPRESSED_FROM_BYTES = 1024;
const SMALLEST_BUCKET_BYTES = 256;
/** Above, sizes are multiples of it. */
const LARGEST_BUCKET_BYTES = 64 * 1024;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** The value is larger than what is kept. */
export class ValueTooLarge extends RangeError {
  override readonly name = "ValueTooLarge";
}

/**
 * @param padTo the padded size is a multiple of it, bytes; default: the next of 256, 512, 1024, … 64 KiB,
 * then multiples of that
 * @throws TypeError where it is no JSON value; ValueTooLarge above 8 MiB
 */
export async function valueBytes(value: unknown, padTo?: number): Promise<Buffer> {
  if (padTo !== undefined && !(Number.isSafeInteger(padTo) && padTo >= 1 && padTo <= MAX_VALUE_BYTES))
    throw new TypeError(`padTo is ${padTo}: write a number of bytes from 1 to ${MAX_VALUE_BYTES}`);
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError("only a JSON value can be sealed");
  const json = Buffer.from(text, "utf8");
  if (json.length > MAX_VALUE_BYTES)
    throw new ValueTooLarge(`a value of ${json.length} bytes is not sealed: ${MAX_VALUE_BYTES} is the most`);
  const small = json.length < COMPRESSED_FROM_BYTES ? json : await deflate(json);
  const isSmaller = small.length < json.length;
  const body = isSmaller ? small : json;
  const bytes = Buffer.alloc(paddedSize(HEAD_BYTES + body.length, padTo));
  bytes.writeUInt8(isSmaller ? DEFLATED : PLAIN, 0);
  bytes.writeUInt32BE(body.length, 1);
  body.copy(bytes, HEAD_BYTES);
  return bytes;
}

/** `undefined` where the bytes are nothing that {@link valueBytes} makes. */
export async function valueIn(bytes: Buffer): Promise<{ readonly value: unknown } | undefined> {
  if (bytes.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + bytes.readUInt32BE(1);
  if (end > bytes.length) return undefined;
  const body = bytes.subarray(HEAD_BYTES, end);
  try {
    if (bytes[0] !== PLAIN && bytes[0] !== DEFLATED) return undefined;
    const json = bytes[0] === PLAIN ? body : await inflate(body, { maxOutputLength: MAX_VALUE_BYTES });
    return { value: JSON.parse(json.toString("utf8")) };
  } catch {
    return undefined;
  }
}

function paddedSize(length: number, padTo?: number): number {
  const bucket =
    padTo ??
    Math.min(LARGEST_BUCKET_BYTES, Math.max(SMALLEST_BUCKET_BYTES, 2 ** Math.ceil(Math.log2(length))));
  return Math.ceil(length / bucket) * bucket;
}
