// One request of the transparency property over a socket of its own, and what of its answer must be equal with and without the cache.
import { type IncomingMessage, request } from "node:http";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";

export interface Asked {
  readonly method: "GET" | "HEAD" | "POST";
  readonly acceptEncoding: string;
  readonly origin: string;
  readonly requestId: string;
  /** What the client has: what it was given first, another answer, or any. Default none. */
  readonly condition?: "etag" | "another etag" | "any etag" | "date" | undefined;
  /** What else the request says. */
  readonly fields?: Readonly<Record<string, string>>;
}

export interface Received {
  readonly status: number;
  readonly statusMessage: string;
  /** Values by name as it was sent. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly trailers: readonly string[];
  /** Decoded; `undefined` where the connection ended before the message did. */
  readonly body: Buffer | undefined;
}

/**
 * @param first what conditions are about
 * @returns `undefined` where the connection ended without an answer
 */
export function ask(port: number, asked: Asked, first?: Received): Promise<Received | undefined> {
  return new Promise((resolve) => {
    const sent = request(
      {
        port,
        host: "127.0.0.1",
        path: "/list",
        method: asked.method,
        // Closed after each message, so that a body of a wrong length ends.
        agent: false,
        headers: {
          "accept-encoding": asked.acceptEncoding,
          origin: asked.origin,
          "x-request-id": asked.requestId,
          "x-tenant": "tenant-1",
          ...conditionOf(asked, first),
          ...asked.fields,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (part: Buffer) => chunks.push(part));
        response.on("error", () => undefined);
        response.on("close", () => resolve(received(response, Buffer.concat(chunks))));
      },
    );
    sent.on("error", () => resolve(undefined));
    sent.end();
  });
}

function conditionOf({ condition }: Asked, first: Received | undefined): Record<string, string> {
  if (condition === "another etag") return { "if-none-match": '"another"' };
  if (condition === "any etag") return { "if-none-match": "*" };
  const [name, header] =
    condition === "date" ? ["if-modified-since", "last-modified"] : ["if-none-match", "etag"];
  const value = condition && first && headerOf(first, header);
  return value === undefined ? {} : { [name]: value };
}

function received(response: IncomingMessage, bytes: Buffer): Received {
  const headers = new Map<string, string[]>();
  for (let index = 0; index < response.rawHeaders.length; index += 2) {
    const [name = "", value = ""] = response.rawHeaders.slice(index, index + 2);
    headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  return {
    status: response.statusCode ?? 0,
    statusMessage: response.statusMessage ?? "",
    headers,
    trailers: response.rawTrailers,
    body: response.complete ? decoded(bytes, response.headers["content-encoding"]) : undefined,
  };
}

function decoded(bytes: Buffer, coding: string | undefined): Buffer {
  if (bytes.length === 0) return bytes;
  if (coding === "gzip") return gunzipSync(bytes);
  if (coding === "br") return brotliDecompressSync(bytes);
  if (coding === "deflate") return inflateSync(bytes);
  return bytes;
}

/** The first value of a header, whichever its spelling. */
export function headerOf({ headers }: Received, name: string): string | undefined {
  for (const [spelled, [value]] of headers) if (spelled.toLowerCase() === name) return value;
  return undefined;
}

/** Framing and codings are made anew for each message; the rest are the cache's own. */
const OF_ONE_MESSAGE = new Set([
  "content-length",
  "transfer-encoding",
  "content-encoding",
  "date",
  "cache-status",
  "age",
]);

/**
 * Whether both connections were closed before the message had ended, and one of them before its head had arrived: how far a compressed
 * answer comes until then depends on the turn in which its handler runs, also without a cache: behind any middleware that waits.
 */
export function wereBothCutShort(one: Received | undefined, other: Received | undefined): boolean {
  return (!one || !other) && one?.body === undefined && other?.body === undefined;
}

/**
 * An answer as it can be compared: without what the cache may change or add, which depends on what is there without it.
 * @param plain the answer without the cache
 * @param acceptEncoding what the request said
 */
export function comparable(
  answer: Received | undefined,
  plain: Received | undefined,
  acceptEncoding: Asked["acceptEncoding"],
) {
  if (!answer || !plain) return answer === plain ? "no answer" : answer;
  const headers: [string, readonly string[]][] = [];
  for (const [name, values] of answer.headers) {
    const lower = name.toLowerCase();
    if (OF_ONE_MESSAGE.has(lower)) continue;
    // Of the body that a 304 does not have: who changes the type late does so before the cache leaves it out, and the language
    // that middleware in front says is left out by `sendFile` alone.
    if (answer.status === 304 && ["content-type", "content-language"].includes(lower)) continue;
    const compared = comparedValues(lower, values, answer, plain, acceptEncoding);
    if (compared.length > 0) headers.push([lower === "vary" || lower === "etag" ? lower : name, compared]);
  }
  return {
    status: answer.status,
    statusMessage: answer.statusMessage,
    headers: Object.fromEntries(headers.sort(([a], [b]) => (a < b ? -1 : 1))),
    trailers: answer.trailers,
    body: answer.body?.toString("base64") ?? "cut short",
  };
}

/**
 * Whether this is a 304 with the type of a body that it does not have, which is set late by who stands behind the cache. Compression in
 * front of it goes by the type, and names `Accept-Encoding` in `Vary` of such a 304. The cache's own 304 has no type
 * (RFC 9110 section 15.4.5), so there compression leaves `Vary` alone, as it does on every 304 of Express.
 */
function goesByLateType(plain: Received): boolean {
  return plain.status === 304 && headerOf(plain, "content-type") !== undefined;
}

function comparedValues(
  name: string,
  values: readonly string[],
  answer: Received,
  plain: Received,
  acceptEncoding: Asked["acceptEncoding"],
): readonly string[] {
  const without = headerOf(plain, name);
  if (name === "etag") {
    if (without === undefined) return [];
    // A hit that the cache sends compressed weakens a strong validator, also where compression in front of it would have
    // compressed the answer and left the validator; so does the 304 in its place (RFC 9110 section 15.4.5).
    const isCompressed =
      answer.status === 304
        ? acceptEncoding !== "identity"
        : headerOf(answer, "content-encoding") !== undefined;
    return isCompressed && values[0] === `W/${without}` ? [without] : values;
  }
  if (name === "cache-control" && without === undefined)
    return values.filter((value) => value !== "private, no-cache");
  if (name === "vary") {
    const members = values.flatMap((value) => value.toLowerCase().split(/\s*,\s*/)).sort();
    return /accept-encoding/i.test(without ?? "") && !goesByLateType(plain)
      ? members
      : members.filter((one) => one !== "accept-encoding");
  }
  return values.map(lettersOf);
}

/**
 * A value as it was meant: Node writes letters in UTF-8 or Latin-1 by what the first part of a body is, which HEAD and compression in front
 * of the cache change. Where neither is there, the bytes are compared in `integration/heads-beyond-ascii.test.ts`.
 */
function lettersOf(value: string): string {
  const read = Buffer.from(value, "latin1").toString();
  return read.includes("\ufffd") ? value : read;
}
