// From a value to the bytes of an entry and back: JSON, and text and Buffers as they are.
import { compress, decompress } from "../codec/content-coding.js";
import type { Entry } from "../codec/entry.js";
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
/** "There is none", kept on purpose. */
const NEGATIVE_STATUS = 404;

/** @throws TypeError for what JSON cannot write: cycles, BigInt, functions */
export async function encodeValue(
  value: unknown,
  compressAboveBytes = Number.POSITIVE_INFINITY,
): Promise<Pick<Recording, "status" | "headers" | "body">> {
  const [type, body] = bytesOf(value);
  const status = value === null || value === undefined ? NEGATIVE_STATUS : 200;
  const smaller = body.length > compressAboveBytes ? await compress(body) : undefined;
  const headers = [[CONTENT_TYPE, TYPES[type]] as const];
  if (!smaller) return { status, headers, body };
  return { status, headers: [...headers, [CONTENT_ENCODING, smaller.encoding]], body: smaller.body };
}

/** The value of an entry; `undefined` where its bytes, or what the schema says of them, are not what they should be. */
export async function decodeValue(
  entry: Pick<Entry, "status" | "headers" | "body">,
  schema: ValueSchema<unknown> | undefined,
): Promise<{ readonly value: unknown } | undefined> {
  try {
    const header = (name: string) => entry.headers.find(([candidate]) => candidate === name)?.[1];
    const body = header(CONTENT_ENCODING) === undefined ? entry.body : await decompress(entry.body);
    const value = plainValue(header(CONTENT_TYPE), body);
    // What the schema describes is something; that there is nothing was the source's answer.
    if (!schema || entry.status === NEGATIVE_STATUS) return { value };
    return await check(schema, value);
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown): [keyof typeof TYPES, Buffer] {
  if (typeof value === "string") return ["text", Buffer.from(value)];
  if (value instanceof Uint8Array) return ["bytes", Buffer.from(value)];
  if (value === undefined) return ["json", Buffer.alloc(0)];
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`a ${typeof value} has no JSON`);
  return ["json", Buffer.from(json)];
}

function plainValue(type: string | undefined, body: Buffer): unknown {
  // A copy: the entry's own bytes are kept, and handed to others.
  if (type === TYPES.bytes) return Buffer.from(body);
  if (type === TYPES.text) return body.toString();
  return body.length === 0 ? undefined : JSON.parse(body.toString());
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
