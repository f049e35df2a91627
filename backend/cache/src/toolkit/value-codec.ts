// From a value to the bytes of an entry and back: JSON, and text and Buffers as they are.
// Tests: test/integration/toolkit-values.test.ts, test/integration/forged-values.test.ts
import { compress } from "../codec/content-coding.js";
import type { Entry } from "../codec/entry.js";
import { inflate } from "../codec/inflation.js";
import type { Recording } from "../engine/fill.js";
import type { ValueSchema } from "./value-options.js";

/** The entry format is that of responses, so a value's kind is written as HTTP would write it. */
const TYPES = {
  json: "application/json",
  text: "text/plain; charset=utf-8",
  bytes: "application/octet-stream",
} as const;
const CONTENT_TYPE = "content-type";
const CONTENT_ENCODING = "content-encoding";
const CODING = "br";
/** Of the body before it was compressed: known before it is inflated. */
const PLAIN_BYTES = "plain-bytes";
const VALUE_STATUS = 200;
/** "There is none", kept on purpose. */
const NEGATIVE_STATUS = 404;

export interface Compression {
  /** Values whose encoded form is larger are compressed. */
  readonly aboveBytes: number;
  /** Values whose encoded form is larger than this are not compressed, and nothing is inflated to more. */
  readonly maxInflatedBytes: number;
}

/** @throws TypeError for what JSON cannot write: cycles, BigInt, functions */
export async function encodeValue(
  value: unknown,
  { aboveBytes, maxInflatedBytes }: Compression,
): Promise<Pick<Recording, "status" | "headers" | "body">> {
  const [type, body] = bytesOf(value);
  const status = statusOf(value);
  const isCompressed = body.length > aboveBytes && body.length <= maxInflatedBytes;
  const smaller = isCompressed ? await compress(body) : undefined;
  const headers = [[CONTENT_TYPE, TYPES[type]] as const];
  if (!smaller) return { status, headers, body };
  const { length } = body;
  const coded = [[CONTENT_ENCODING, smaller.encoding] as const, [PLAIN_BYTES, String(length)] as const];
  return { status, headers: [...headers, ...coded], body: smaller.body };
}

/**
 * The value of an entry; `undefined` where its bytes, or what the schema says of them, are not what they
 * should be, or where they would inflate to more than `maxInflatedBytes`.
 */
export async function decodeValue(
  { status, headers, body }: Pick<Entry, "status" | "headers" | "body">,
  schema: ValueSchema<unknown> | undefined,
  maxInflatedBytes: number,
): Promise<{ readonly value: unknown } | undefined> {
  try {
    const plain = await plainBody(headers, body, maxInflatedBytes);
    const decoded = plain && plainValue(headers[0]?.[1], plain);
    if (!decoded || statusOf(decoded.value) !== status) return undefined;
    // What the schema describes is something; that there is nothing was the source's answer.
    return schema && status === VALUE_STATUS ? await check(schema, decoded.value) : decoded;
  } catch {
    return undefined;
  }
}

function statusOf(value: unknown): number {
  return value === null || value === undefined ? NEGATIVE_STATUS : VALUE_STATUS;
}

function bytesOf(value: unknown): [keyof typeof TYPES, Buffer] {
  // In UTF-8 an unpaired surrogate would come back as another letter; JSON escapes it.
  if (typeof value === "string" && value.isWellFormed()) return ["text", Buffer.from(value)];
  if (value instanceof Uint8Array) return ["bytes", Buffer.from(value)];
  if (value === undefined) return ["json", Buffer.alloc(0)];
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`a ${typeof value} has no JSON`);
  return ["json", Buffer.from(json)];
}

/** `undefined` where the headers are not those that {@link encodeValue} writes. */
async function plainBody(
  headers: Entry["headers"],
  body: Buffer,
  maxInflatedBytes: number,
): Promise<Buffer | undefined> {
  const [type, encoding, length, ...others] = headers;
  if (type?.[0] !== CONTENT_TYPE || others.length > 0) return undefined;
  if (!encoding) return body;
  if (encoding[0] !== CONTENT_ENCODING || encoding[1] !== CODING || length?.[0] !== PLAIN_BYTES)
    return undefined;
  const plainBytes = Number(length[1]);
  // What is larger than its plain form would not have been kept.
  if (!Number.isInteger(plainBytes) || plainBytes <= body.length || plainBytes > maxInflatedBytes)
    return undefined;
  return inflate(body, plainBytes);
}

function plainValue(type: string | undefined, body: Buffer): { readonly value: unknown } | undefined {
  switch (type) {
    case TYPES.bytes:
      // A copy: the entry's own bytes are kept, and handed to others.
      return { value: Buffer.from(body) };
    case TYPES.text:
      return { value: body.toString() };
    case TYPES.json:
      return { value: body.length === 0 ? undefined : JSON.parse(body.toString()) };
    default:
      return undefined;
  }
}

async function check(
  schema: ValueSchema<unknown>,
  value: unknown,
): Promise<{ readonly value: unknown } | undefined> {
  if ("~standard" in schema) {
    const result = await schema["~standard"].validate(value);
    return result.issues ? undefined : { value: result.value };
  }
  if ("safeParse" in schema) {
    const result = schema.safeParse(value);
    return result.success ? { value: result.data } : undefined;
  }
  return { value: schema.parse(value) };
}
