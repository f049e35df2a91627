// The ways in which the same list is asked for.
import { gunzipSync } from "node:zlib";
import type { LoadRequest } from "./load/request.js";
import type { HotList } from "./workload.js";

export const VARIANTS = ["200", "304", "head", "gzip"] as const;
export type Variant = (typeof VARIANTS)[number];

/** What has to be seen of an answer to know that it is right. */
export interface SeenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** @param etag of the list's entry, where the subject gives one */
export function requestFor(variant: Variant, list: HotList, etag?: string): LoadRequest {
  const headers: Record<string, string> = { Authorization: list.authorization };
  if (variant === "gzip") headers["Accept-Encoding"] = "gzip";
  if (variant === "304" && etag) headers["If-None-Match"] = etag;
  return { method: variant === "head" ? "HEAD" : "GET", target: list.target, headers };
}

/** What is wrong with an answer; `undefined` where nothing is. */
export function faultOf(variant: Variant, answer: SeenAnswer, expected: Buffer): string | undefined {
  const { status, headers, body } = answer;
  const wanted = variant === "304" ? 304 : 200;
  if (status !== wanted) return `status ${status} instead of ${wanted}`;
  if (variant === "304" || variant === "head") {
    return body.length === 0 ? undefined : `a body of ${body.length} bytes`;
  }
  if (variant !== "gzip") return body.equals(expected) ? undefined : "another body";
  if (headers["content-encoding"] !== "gzip") return "not compressed";
  return gunzipSync(body).equals(expected) ? undefined : "another body";
}
