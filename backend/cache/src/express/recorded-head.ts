// The head of an answer that is being recorded, and the recording that comes of it.
// Tests: test/integration/recorder.test.ts, test/integration/late-head.test.ts
import type { OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import type { Recording } from "../engine/fill.js";
import { statusMessageOf } from "./late-head.js";
import { type HandlerHeaders, handlerHeaders } from "./recorded-headers.js";
import { lengthIn, type Storability } from "./storability.js";

export interface RecordedHead {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: HandlerHeaders;
  readonly etag: string;
  /** As the handler declared it: middleware in front of the cache may compress and remove it. */
  readonly contentLength: number | undefined;
  readonly storability: Storability;
}

/** @param before the headers as they were when `cacheList` was entered */
export function readHead(res: Response, before: OutgoingHttpHeaders, storability: Storability): RecordedHead {
  // All at once: each look at one of them costs as much.
  const now = res.getHeaders();
  return {
    status: res.statusCode,
    statusMessage: statusMessageOf(res),
    headers: handlerHeaders(res, before, now),
    etag: String(now.etag ?? ""),
    contentLength: lengthIn(now),
    storability,
  };
}

/**
 * `undefined` where the answer may not be stored: by its head, or because its body is not as long as that
 * says.
 *
 * @param maxStaleSeconds how long an entry is kept after it has become stale
 */
export function recordingOf(
  head: RecordedHead,
  body: Buffer,
  maxStaleSeconds: number,
): Recording | undefined {
  const { storability, contentLength } = head;
  const isCutShort = contentLength !== undefined && contentLength !== body.length;
  if (!storability.storable || isCutShort) return undefined;
  const createdAt = Date.now() - storability.ageSeconds * 1000;
  const staleAt = createdAt + storability.ttlSeconds * 1000;
  return {
    createdAt,
    staleAt,
    expiresAt: staleAt + (storability.mayBeStale ? maxStaleSeconds * 1000 : 0),
    status: head.status,
    statusMessage: head.statusMessage,
    etag: head.etag,
    headers: head.headers.set,
    removedHeaders: head.headers.removed,
    body,
    variants: [],
  };
}
