// One fill: the right to run the handler for an entry and to store what it answers, unless a mutation overtakes it.
// Tests: test/unit/fills.test.ts
import type { RunReason } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import { hasNoContent } from "../codec/sendable.js";

/** What a request that missed is told to do. */
export type FillOutcome =
  /** Run the handler and hand over what it answers. */
  | { readonly kind: "lead"; readonly fill: Fill }
  /** Another request's handler has answered. */
  | { readonly kind: "follow"; readonly entry: Entry }
  /** Another call's load has failed; only where its fill was told of the error. */
  | { readonly kind: "failed"; readonly error: unknown }
  /** Run the handler, store nothing. */
  | { readonly kind: "run"; readonly reason: RunReason };

/** A recorded answer: an entry but for its identity and fences, which the fill knows. */
export type Recording = Omit<Entry, "identity" | "fences">;

/** What the fences of an answer depend on beside its request. */
export interface KnownOfAnswer {
  /** Present where its route names tags by it. */
  readonly tags?: readonly string[] | undefined;
  /** Present where its ref has `reads`: the modules that were read. */
  readonly reads?: ReadonlySet<string> | undefined;
}

/** Exactly one of its methods is called, once; {@link Fill.unshare} may come before it. */
export interface Fill {
  /** What was current before its handler began; in the order of the ref's keys. */
  readonly tokens: readonly string[];
  /** Nobody waits for it, because the last answer could not be stored: most likely nor can this one. */
  readonly isUnlikely: boolean;
  /**
   * Lets the waiting requests go, here and in other processes: what this one gets may be stored, but is not
   * worth waiting for.
   */
  unshare(): void;
  /**
   * Stores the recording behind the response and hands it to the requests that wait for it.
   *
   * @param known what is known of the answer only now
   * @param caller whose request it was, where that is no part of the key: the advisor compares answers by it
   */
  commit(recording: Recording, known?: KnownOfAnswer, caller?: string): void;
  /** Hands the recording to the requests that wait for it, and stores nothing. */
  share(recording: Recording): void;
  /** Fails the requests that wait as this one has: they do not all try the same again. */
  fail(error: unknown): void;
  /**
   * Lets the waiting requests go; `unstorable` also keeps others from waiting for this entry for a while. `replica-lag`: they are told that.
   */
  abandon(why: "unstorable" | "failed" | "replica-lag"): void;
}

/** What a request is told that runs its handler without a fill. */
export function runAlone(reason: RunReason): Extract<FillOutcome, { kind: "run" }> {
  return { kind: "run", reason };
}

/** What a handler writes into an answer that has no content goes nowhere. */
const NO_BODY = Buffer.alloc(0);

/**
 * Written out field by field, as decoded entries are: V8 copies an object slowly, and readers of both see one
 * shape.
 */
export function entryOf(recording: Recording, identity: string, fences: string): Entry {
  const { createdAt, staleAt, expiresAt, status, statusMessage } = recording;
  const { etag, headers, removedHeaders, variants } = recording;
  const body = hasNoContent(status) ? NO_BODY : recording.body;
  return {
    identity,
    fences,
    createdAt,
    staleAt,
    expiresAt,
    status,
    statusMessage,
    etag,
    headers,
    removedHeaders,
    body,
    variants,
  };
}
