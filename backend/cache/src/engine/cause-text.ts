// A cause as text: what is kept with the fences, and what is made of it again.
// Tests: test/unit/causes.test.ts, test/integration/causes.test.ts
import { CAUSE_KINDS, type Origin } from "../cause-origin.js";
import type { CauseNote, StoredCause } from "../store/cause-log.js";
import type { FencedScope } from "./fences.js";

/** What has invalidated something of a tenant. */
export interface Cause extends Origin {
  /** By the store's clock, milliseconds since the epoch. */
  readonly atMs: number;
  readonly tenant: string;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
  /** All that the tenant has: its modules and tags are empty then, and so they are of a URL that was forgotten. */
  readonly everything: boolean;
}

export const CAUSES_KEPT_MS = 86_400_000;
const MAX_TEXT_CHARACTERS = 200;
const MAX_NAMES = 256;

/** What a cause is about. */
export type CauseParts = Pick<FencedScope, "modules" | "tags" | "everything">;

/** @param maxNotes about so many are kept of the tenant */
export function causeNote(key: string, origin: Origin, parts: CauseParts, maxNotes: number): CauseNote {
  return { key, text: encode(origin, parts), maxNotes, ttlMs: CAUSES_KEPT_MS };
}

/** Only what is known, under short names: there may be a thousand of each tenant. */
function encode({ kind, name, actor, requestId, reason }: Origin, parts: CauseParts): string {
  const text = (given: string | undefined) =>
    given === undefined || given === "" ? undefined : printable(given).slice(0, MAX_TEXT_CHARACTERS);
  const names = (given: readonly string[]) => (given.length === 0 ? undefined : given.slice(0, MAX_NAMES));
  return JSON.stringify({
    k: kind,
    n: text(name),
    a: text(actor),
    r: text(requestId),
    w: text(reason),
    m: names(parts.modules),
    t: names(parts.tags),
    e: parts.everything ? 1 : undefined,
  });
}

/** What somebody else wrote into the log is none. */
export function decodeCause(tenant: string, { atMs, text }: StoredCause): Cause | undefined {
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const kind = CAUSE_KINDS.find((each) => each === value.k);
  if (kind === undefined || !Number.isFinite(atMs)) return undefined;
  const textOf = (given: unknown) => (typeof given === "string" ? printable(given) : undefined);
  const namesOf = (given: unknown) =>
    Array.isArray(given) ? given.filter((name) => typeof name === "string") : [];
  return {
    kind,
    name: textOf(value.n),
    actor: textOf(value.a),
    requestId: textOf(value.r),
    reason: textOf(value.w),
    atMs,
    tenant,
    modules: namesOf(value.m),
    tags: namesOf(value.t),
    everything: value.e === 1,
  };
}

/** Terminals and logs show them. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/gu, " ");
}
