// Why an entry is missing, in full: which fence has cut it off and who has replaced that, or whose pressure has evicted it.
// Tests: test/integration/miss-reasons.test.ts
import type { Cause } from "../engine/cause-text.js";
import { causeOf } from "../engine/causes.js";
import type { MissEvidence } from "../engine/entry-memory.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { splitFences } from "../engine/fences.js";
import type { Look } from "../engine/inspector.js";
import type { FencedPart } from "../store/key-space.js";
import type { EvictedBy, FencedBy, MissExplanation } from "./explanation.js";
import type { HttpServices } from "./http-services.js";

/** A quota that is as full as this has evicted. */
const FULL = 0.9;

/** @param look as the entry is now */
export async function explainMiss(
  http: HttpServices,
  ref: EntryRef,
  look: Look,
  causes: readonly Cause[],
): Promise<MissExplanation> {
  const { memory } = http.engine;
  const evidence = memory.explain(ref, { seen: look.asTheyAre, held: look.entry });
  // Where nobody here remembers the entry, the store's own books may.
  const isForgotten = evidence.reason === "cold" || evidence.reason === "unknown";
  if (isForgotten && look.entry === undefined && look.peek?.isListed)
    return { reason: "evicted", evictedBy: "server" };
  return explained(http, ref, evidence, look.asTheyAre, causes, evictedBy(http, ref, look));
}

/** @param seen the fences that the request had read, joined */
export function explained(
  http: HttpServices,
  ref: EntryRef,
  { reason, why, replaced }: MissEvidence,
  seen: string | undefined,
  causes: readonly Cause[],
  pressure: EvictedBy,
): MissExplanation {
  if (reason === "unstorable") return { reason, detail: why };
  if (reason === "evicted") return { reason, evictedBy: pressure };
  if (reason !== "fenced") return { reason };
  const fences = seen === undefined ? [] : splitFences(seen).fences;
  const fencedBy = (replaced ?? []).map((index): FencedBy => {
    if (index === -1) return { fence: "server", cause: null };
    const part = http.engine.keys.partOfFence(ref.tenant, ref.fenceKeys[index] ?? "");
    const cause = (part && causeOf(part, fences[index] ?? "", causes)) ?? null;
    return { fence: nameOfFence(part), cause };
  });
  return { reason, fencedBy: fencedBy.sort((a, b) => (a.cause?.atMs ?? 0) - (b.cause?.atMs ?? 0)) };
}

export function evictedBy({ engine }: HttpServices, ref: EntryRef, { peek, entry }: Look): EvictedBy {
  if (!peek) return null;
  // Where it is there again, its listing says nothing of when it was not.
  const isGone = entry === undefined;
  if (isGone && peek.isListed && !engine.store.holdsInMemory) return "server";
  // An eviction by the module's bound leaves one place less than that, until the next entry is stored.
  if (peek.moduleEntries >= ref.maxEntries - 1) return "module";
  if (peek.tenantBytes >= FULL * engine.maxTenantBytes) return "tenant";
  if (engine.store.holdsInMemory) return "process";
  return isGone ? null : "server";
}

export function nameOfFence(part: FencedPart | undefined): string {
  if (!part) return "other";
  if (part.of === "any-tag") return "any tag";
  return part.of === "tenant" ? "tenant" : `${part.of} ${part.name}`;
}
