// An entry as the process keeps it: small, because there may be hundreds of thousands.
// Tests: test/unit/local-entry.test.ts
import { ownText } from "../bounded-map.js";
import { type Entry, HEAD, sharedHeadersOf, type Variant } from "../codec/entry.js";
import type { CarriedFences } from "./read-batch.js";

/** Fences taken apart once, and as they are stored. */
export interface JoinedFences extends CarriedFences {
  readonly joined: string;
}

const NO_VARIANTS: Entry["variants"] = [];
const NO_NAMES: Entry["removedHeaders"] = [];

/**
 * Times are kept as their distance from here. V8 has whole numbers of up to 2^31 in the field itself; a time
 * since the epoch is larger, and takes 16 bytes more, three times in each entry. Beyond 24 days from here they
 * are as large as before, and as right.
 */
const NEAR_MS = Date.now();

/**
 * What equals another entry's is shared with it. The times are not fields: a copy by spreading would lack them
 * (`variant-maker.ts` names what it copies).
 */
export class LocalEntry implements Entry {
  readonly identity: string;
  readonly carried: JoinedFences;
  readonly status: number;
  readonly statusMessage: string;
  readonly etag: string;
  readonly headers: Entry["headers"];
  readonly removedHeaders: Entry["removedHeaders"];
  readonly body: Buffer;
  readonly variants: readonly Variant[];
  [HEAD]: object | undefined = undefined;
  readonly #createdAt: number;
  readonly #staleAt: number;
  readonly #expiresAt: number;

  constructor(
    identity: string,
    carried: JoinedFences,
    entry: Entry,
    body: Buffer,
    variants: readonly Variant[],
  ) {
    this.identity = identity;
    this.carried = carried;
    this.status = entry.status;
    this.statusMessage = entry.statusMessage;
    this.etag = ownText(entry.etag);
    this.headers = sharedHeadersOf(entry.headers);
    this.removedHeaders = entry.removedHeaders.length === 0 ? NO_NAMES : entry.removedHeaders;
    this.body = body;
    this.variants = variants.length === 0 ? NO_VARIANTS : variants;
    this.#createdAt = entry.createdAt - NEAR_MS;
    this.#staleAt = entry.staleAt - NEAR_MS;
    this.#expiresAt = entry.expiresAt - NEAR_MS;
  }

  get fences(): string {
    return this.carried.joined;
  }

  get createdAt(): number {
    return NEAR_MS + this.#createdAt;
  }

  get staleAt(): number {
    return NEAR_MS + this.#staleAt;
  }

  get expiresAt(): number {
    return NEAR_MS + this.#expiresAt;
  }
}
