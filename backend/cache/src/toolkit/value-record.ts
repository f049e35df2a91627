// From a value and its rules to what is stored: how long, how large, or not at all.
// Tests: test/integration/toolkit-values.test.ts
import type { Recording } from "../engine/fill.js";
import { TenantCacheError } from "../errors.js";
import { messageOf } from "../thrown.js";
import { MAX_VALUE_TTL_SECONDS, ttlSecondsOf } from "../ttl-seconds.js";
import { type Compression, encodeValue } from "./value-codec.js";
import type { ValueRules } from "./value-options.js";

export interface RecordedValue {
  readonly recording: Recording;
  /** Why it is handed to those that wait for it, but not stored. */
  readonly unkept?: "ttl-zero" | "too-large";
}

/**
 * @param negative how `null` and `undefined` are kept: as "there is none" for the rules' own TTL, or as any
 *   other value
 * @throws TenantCacheError `ETC_VALUE`, `ETC_TTL`
 */
export async function recordValue(
  value: unknown,
  rules: ValueRules,
  negative: "negative-ttl" | "as-value",
  maxInflatedBytes: number,
): Promise<RecordedValue> {
  const isNone = negative === "negative-ttl" && (value === null || value === undefined);
  const ttlSeconds = isNone ? rules.negativeTtlSeconds : ttlOf(value, rules.ttlSeconds);
  const { compressAboveBytes: aboveBytes = Number.POSITIVE_INFINITY } = rules;
  const encoded = await encode(value, { aboveBytes, maxInflatedBytes });
  const now = Date.now();
  const staleAt = now + ttlSeconds * 1000 * (1 - Math.random() * rules.jitter);
  const recording: Recording = {
    ...encoded,
    createdAt: now,
    staleAt,
    expiresAt: staleAt + rules.staleWhileRevalidate * 1000,
    statusMessage: "",
    etag: "",
    removedHeaders: [],
    variants: [],
  };
  if (ttlSeconds === 0) return { recording, unkept: "ttl-zero" };
  return encoded.body.length > rules.maxBytes ? { recording, unkept: "too-large" } : { recording };
}

/** 0 is for functions only: this value is not kept. */
function ttlOf(value: unknown, ttl: number | ((value: unknown) => number)): number {
  if (typeof ttl === "number") return ttl;
  const seconds = ttl(value);
  return seconds === 0
    ? 0
    : ttlSecondsOf(seconds, "what the ttlSeconds function returned", MAX_VALUE_TTL_SECONDS);
}

async function encode(value: unknown, compression: Compression) {
  try {
    return await encodeValue(value, compression);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new TenantCacheError("ETC_VALUE", `the value cannot be stored: ${reason}`, { cause });
  }
}

/** What a value that is too large to be stored is refused with. */
export function tooLarge(
  key: string,
  bytes: number,
  { maxBytes }: ValueRules,
  maxInflatedBytes: number,
): TenantCacheError {
  const advice =
    bytes <= maxInflatedBytes
      ? "compress it (compressAboveBytes), keep less, or raise maxBytes"
      : `keep less, or raise maxBytes; above manager.maxInflatedBytes (${maxInflatedBytes}) nothing is compressed`;
  return new TenantCacheError(
    "ETC_VALUE_TOO_LARGE",
    `${key}: ${bytes} bytes, and maxBytes is ${maxBytes}: ${advice}`,
  );
}
