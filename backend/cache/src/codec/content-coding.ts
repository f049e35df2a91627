// Content codings (RFC 9110 section 8.4.1): which bodies are worth one, and which one a client prefers.
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { BoundedMap } from "../bounded-map.js";
import { CONTENT_CODINGS, type ContentCoding, type Entry, type Variant } from "./entry.js";

const MIN_BYTES = 1024;
/** A variant that saves less than a tenth is not worth its memory. */
const WORTHWHILE = 0.9;
// Made once and sent often: better than what middleware can afford for each response, and off the event loop.
const BROTLI_QUALITY = 5;
const GZIP_LEVEL = 6;
const MIN_CHUNK_BYTES = 4096;
const MAX_CHUNK_BYTES = 1024 * 1024;
const COMPRESSIBLE =
  /^(?:text\/|[\w.+-]+\/(?:[\w.+-]*\+)?(?:json|xml|javascript|yaml|csv|x-ndjson|wasm)\b|image\/svg)/i;

type Compress = (body: Buffer) => Promise<Buffer>;

const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
/** Node 22.15 and later. */
const zstd: unknown = Reflect.get(zlib, "zstdCompress");

const COMPRESSORS: readonly [readonly [ContentCoding, Compress], ...(readonly [ContentCoding, Compress])[]] =
  [
    [
      "br",
      (body) => {
        const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
        return brotli(body, {
          chunkSize: chunkSizeOf(body),
          params: { [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [BROTLI_PARAM_SIZE_HINT]: body.length },
        });
      },
    ],
    ...(typeof zstd === "function" ? [["zstd", promisify(zstd) as Compress] as const] : []),
    ["gzip", (body) => gzip(body, { level: GZIP_LEVEL, chunkSize: chunkSizeOf(body) })],
  ];

/** Room for most results at once: each chunk of a result interrupts the event loop, and Node's are 16 KiB. */
function chunkSizeOf(body: Buffer): number {
  return Math.min(Math.max(MIN_CHUNK_BYTES, body.length >> 2), MAX_CHUNK_BYTES);
}

type Described = Pick<Entry, "headers" | "status">;

/**
 * Whether a body may be sent in another coding: of a compressible type, in none yet, and not forbidden by
 * `no-transform`.
 */
export function isCompressible({ headers, status }: Described, bodyBytes: number): boolean {
  return isCompressibleAnswer(status, bodyBytes) && isCompressibleType(headers);
}

/** What of {@link isCompressible} differs between entries with equal header fields. */
export function isCompressibleAnswer(status: number, bodyBytes: number): boolean {
  return status === 200 && bodyBytes >= MIN_BYTES;
}

/** Of the body as it was sent, which its digest in another coding is not (RFC 9530, and before it RFC 3230 and RFC 1864). */
const DIGESTS = new Set(["content-digest", "repr-digest", "digest", "content-md5"]);

/** What of {@link isCompressible} the header fields say. */
export function isCompressibleType(headers: Described["headers"]): boolean {
  if (headers.some(([name]) => DIGESTS.has(name.toLowerCase()))) return false;
  const of = (name: string) => headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1] ?? "";
  if (of("content-encoding") !== "" || /\bno-transform\b/i.test(of("cache-control"))) return false;
  return COMPRESSIBLE.test(of("content-type"));
}

/**
 * Compresses in the thread pool, one after the other: nobody waits, and requests want the CPUs. Without what
 * would save nothing.
 */
export async function makeVariants(body: Buffer): Promise<Variant[]> {
  const variants: Variant[] = [];
  for (const [encoding, compress] of COMPRESSORS) {
    const compressed = await compress(body);
    if (compressed.length < body.length * WORTHWHILE) variants.push({ encoding, body: compressed });
  }
  return variants;
}

/**
 * The body in the coding that makes it smallest; `undefined` where that would save nothing. In the thread
 * pool.
 */
export async function compress(body: Buffer): Promise<Variant | undefined> {
  const [[encoding, compressBody]] = COMPRESSORS;
  const compressed = await compressBody(body);
  return compressed.length < body.length * WORTHWHILE ? { encoding, body: compressed } : undefined;
}

/**
 * The codings that `Accept-Encoding` allows beside identity, the preferred one first (RFC 9110 section
 * 12.5.3).
 */
export function acceptedCodings(acceptEncoding: string | undefined): readonly ContentCoding[] {
  if (!acceptEncoding) return NO_CODINGS;
  const known = parsedCodings.get(acceptEncoding);
  if (known) return known;
  const codings = parseAcceptEncoding(acceptEncoding);
  parsedCodings.set(acceptEncoding, codings);
  return codings;
}

/** Clients send few different values. */
const parsedCodings = new BoundedMap<readonly ContentCoding[]>({ maxCharacters: 32 * 1024 });
const NO_CODINGS: readonly ContentCoding[] = [];

function parseAcceptEncoding(acceptEncoding: string): ContentCoding[] {
  const weights = new Map<string, number>();
  for (const member of acceptEncoding.toLowerCase().split(",")) {
    const [coding = "", ...parameters] = member.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const parsed = weight === undefined ? 1 : Number(weight.slice(2));
    weights.set(coding === "x-gzip" ? "gzip" : coding, Number.isNaN(parsed) ? 0 : parsed);
  }
  const weightOf = (coding: string) => weights.get(coding) ?? weights.get("*") ?? 0;
  // Identity is acceptable unless refused; a client that weighs it above a coding gets it.
  const identity = weights.get("identity") ?? 0;
  return CONTENT_CODINGS.filter((coding) => weightOf(coding) > 0 && weightOf(coding) >= identity).sort(
    (a, b) => weightOf(b) - weightOf(a),
  );
}
