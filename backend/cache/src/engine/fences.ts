// Which fences a piece of data depends on, and how an entry remembers them.
// Tests: test/integration/forged-fences.test.ts, test/integration/invalidate-cache.test.ts
import { isPending } from "../store/fence-token.js";
import type { KeySpace } from "../store/key-space.js";

/** Parts of a tenant's data: what an entry shows, or what a mutation touches. */
export interface FencedScope {
  readonly tenant: string;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
  /** Instead of parts: all that the tenant has. */
  readonly everything?: boolean;
}

/**
 * The fences an entry depends on: always the tenant's, then its own module's, those it depends on, and its
 * tags'.
 */
export function fenceKeysOf(keys: KeySpace, scope: FencedScope): string[] {
  return [
    keys.fence(scope.tenant),
    ...scope.modules.map((module) => keys.fence(scope.tenant, module)),
    ...feedFenceOf(keys, scope.modules),
    ...scope.tags.map((tag) => keys.tagFence(scope.tenant, tag)),
  ];
}

/** Of entries that show what the feed covers, even among other things. */
export function feedFenceOf(keys: KeySpace, modules: readonly string[]): readonly string[] {
  return keys.covers(modules) ? [keys.feedEpoch] : [];
}

/**
 * The fences that a mutation of these parts replaces. That of any tag tells fills whose answers name their
 * tags that one was invalidated.
 */
export function partFenceKeys(keys: KeySpace, { tenant, modules, tags, everything }: FencedScope): string[] {
  if (everything) return [keys.fence(tenant)];
  return [
    ...modules.map((module) => keys.fence(tenant, module)),
    ...tags.map((tag) => keys.tagFence(tenant, tag)),
    ...(tags.length === 0 ? [] : [keys.anyTagFence(tenant)]),
  ];
}

/** Run id and fences as the one text that entries carry and reads compare. */
export function joinFences(runId: string, fences: readonly string[]): string {
  return `${runId},${fences.join(",")}`;
}

/** The inverse of {@link joinFences}. */
export function splitFences(joined: string): { readonly runId: string; readonly fences: readonly string[] } {
  const [runId = "", ...fences] = joined.split(",");
  return { runId, fences };
}

/** Whether every fence is there and none has a guarded write under way. */
export function areSettled(fences: readonly (string | null)[]): fences is readonly string[] {
  return fences.every((fence) => fence !== null && !isPending(fence));
}
