// What an entry carries that is known only after its handler: which of its ref's fences count, and those of its own tags.
// Tests: test/unit/answer-tags.test.ts, test/unit/carried-fences.test.ts
//
// - A ref with `reads` names all modules that its handler might read, behind the tenant's fence and its own module's. A fill reads all of
//   their fences before its handler begins. The entry carries those of the modules that were read, and an empty place for each other.
// - A ref with `carriesTags`: see `answer-tags.ts`.
import { splitFences } from "./fences.js";
import type { CarriedFences, FenceReading } from "./read-batch.js";

/** What is asked of a ref. */
export interface Carrying {
  readonly fenceKeys: readonly string[];
  readonly carriesTags?: boolean;
  /** Modules that its answers may turn out to have read, in the order of their fences. */
  readonly reads?: readonly string[] | undefined;
  tagFence?(tag: string): string;
}

/** Behind the tenant's fence and the module's. */
const FIRST_READ = 2;

/** What of a fill's start counts for an answer that has read these modules. */
export function restrictedTo<Start extends { readonly tokens: readonly string[]; readonly fences: string }>(
  { fenceKeys, reads = [] }: Carrying,
  start: Start,
  modules: ReadonlySet<string>,
): Start & { readonly fenceKeys: readonly string[] } {
  const counts = (_: string, index: number) => {
    const module = index < FIRST_READ ? undefined : reads[index - FIRST_READ];
    return module === undefined || modules.has(module);
  };
  const { runId, fences } = splitFences(start.fences);
  return {
    ...start,
    fenceKeys: fenceKeys.filter(counts),
    tokens: start.tokens.filter(counts),
    fences: [runId, ...fences.map((fence, index) => (counts(fence, index) ? fence : ""))].join(","),
  };
}

/** The keys of the fences that must be as this entry carries them, and what it carries. */
export function fencesOf(ref: Carrying, joined: string): FenceReading {
  const { fenceKeys, carriesTags, reads } = ref;
  const { runId, fences } = splitFences(joined);
  if (!carriesTags && !reads) return { fenceKeys, runId, fences };
  const ofRef = carriesTags ? fenceKeys.length - 1 : fenceKeys.length;
  const counts = (_: string, index: number) => index < ofRef && fences[index] !== "";
  const tags = carriesTags ? fences.slice(fenceKeys.length) : [];
  const names = tags.map((text) => text.split("=", 1)[0] ?? "");
  return {
    fenceKeys: [...fenceKeys.filter(counts), ...names.map((tag) => ref.tagFence?.(tag) ?? "")],
    runId,
    fences: [
      ...fences.filter(counts),
      ...tags.map((text, index) => text.slice((names[index] ?? "").length + 1)),
    ],
  };
}

/**
 * Whether an entry's fences are the current ones.
 *
 * @param seen the ref's fences as they are now, joined
 * @returns `by-tags` where the fences of its tags have to be read to know
 */
export function areCurrent(ref: Carrying, joined: string, seen: string): boolean | "by-tags" {
  if (joined === seen) return true;
  if (!ref.carriesTags && !ref.reads) return false;
  const counting = ref.reads ? seenBy(joined, seen) : seen;
  if (joined === counting) return true;
  if (!ref.carriesTags) return false;
  if (joined.startsWith(`${counting},`)) return true;
  const withoutAnyTag = counting.slice(0, counting.lastIndexOf(",") + 1);
  return joined.startsWith(withoutAnyTag) && "by-tags";
}

/** Without what the entry has empty places for. */
function seenBy(joined: string, seen: string): string {
  const carried = joined.split(",");
  return seen
    .split(",")
    .map((fence, index) => (carried[index] === "" ? "" : fence))
    .join(",");
}

/** What must be current for an entry of this process to be served. */
export function dependenciesOf(
  ref: Carrying,
  { fences, carried }: { readonly fences: string; readonly carried: CarriedFences },
): { readonly fenceKeys: readonly string[]; readonly carried: CarriedFences } {
  if (!ref.carriesTags && !ref.reads) return { fenceKeys: ref.fenceKeys, carried };
  const depends = fencesOf(ref, fences);
  return { fenceKeys: depends.fenceKeys, carried: depends };
}
