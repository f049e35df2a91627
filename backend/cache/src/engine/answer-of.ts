// What the advisor is told of an answer that is recorded.
// Tests: test/integration/advice.test.ts
import { hash } from "node:crypto";
import type { AdvisedAnswer } from "../advice/advised.js";
import type { Advisor } from "../advice/advisor.js";
import type { EntryRef } from "./entry-ref.js";
import type { Recording } from "./fill.js";

/** A body without an ETag is hashed where its key is sampled. */
export function answerOf(
  advisor: Advisor,
  ref: EntryRef,
  { body, etag, createdAt, staleAt }: Recording,
  durationMs?: number,
  tags?: readonly string[],
): AdvisedAnswer {
  const ttlSeconds = (staleAt - createdAt) / 1000;
  const identity = etag === "" && advisor.compares(ref) ? hash("sha1", body, "base64url") : etag;
  return { durationMs, bytes: body.length, ttlSeconds, identity: identity || undefined, tags };
}
