// Tags that an answer names: nobody knows them before its handler has run, so that the fences from before are another's.
// Tests: test/integration/answer-tags.test.ts, test/unit/answer-tags.test.ts
//
// A fill may store its answer only if no fence of it was replaced since before its handler began. Of a tag
// that the answer names, nobody has read the fence by then. So such entries have one more fence, the last of
// their ref's: that of any tag of the tenant, which is replaced together with every tag's.
//
// - A fill reads it before its handler begins, as it reads its other fences. It stores the answer by
//   compare-and-set on all of them and on those of the answer's tags, which it has read afterwards. As long as
//   the fence of any tag is the same, so are all tags' fences: it does not matter when they were read. The
//   price: where another tag of the tenant was invalidated meanwhile, the answer is not stored.
// - Requests that wait for another's handler compare it, too, as they compare the fences of modules.
// - An entry carries the fences of its tags behind the others, each as `tag=fence`. A read that finds the fence
//   of any tag as the entry carries it need not look at them. Otherwise it reads them: one more round trip,
//   where the entry is not in this process.
import { splitFences } from "./fences.js";
import type { CarriedFences, FenceReading } from "./read-batch.js";

/** What is asked of a ref. */
interface Tagged {
  readonly fenceKeys: readonly string[];
  readonly carriesTags?: boolean;
  tagFence?(tag: string): string;
}

/** @param fences of the fill's start, joined */
export function joinTagged(fences: string, tags: readonly string[], tagFences: readonly string[]): string {
  return [fences, ...tags.map((tag, index) => `${tag}=${tagFences[index]}`)].join(",");
}

/** The keys of the fences that must be as this entry carries them, and what it carries. */
export function fencesOf(ref: Tagged, joined: string): FenceReading {
  const { fenceKeys, carriesTags } = ref;
  const { runId, fences } = splitFences(joined);
  if (!carriesTags) return { fenceKeys, runId, fences };
  const anyTag = fenceKeys.length - 1;
  const tags = fences.slice(fenceKeys.length).map((text) => text.split("=", 1)[0] ?? "");
  return {
    fenceKeys: [...fenceKeys.slice(0, anyTag), ...tags.map((tag) => ref.tagFence?.(tag) ?? "")],
    runId,
    fences: [
      ...fences.slice(0, anyTag),
      ...fences.slice(fenceKeys.length).map((text, index) => text.slice((tags[index] ?? "").length + 1)),
    ],
  };
}

/**
 * Whether an entry's fences are the current ones.
 *
 * @param seen the ref's fences as they are now, joined
 * @returns `by-tags` where the fences of its tags have to be read to know
 */
export function areCurrent(ref: Tagged, joined: string, seen: string): boolean | "by-tags" {
  if (joined === seen) return true;
  if (!ref.carriesTags) return false;
  if (joined.startsWith(`${seen},`)) return true;
  const withoutAnyTag = seen.slice(0, seen.lastIndexOf(",") + 1);
  return joined.startsWith(withoutAnyTag) && "by-tags";
}

/** What must be current for an entry of this process to be served. */
export function dependenciesOf(
  ref: Tagged,
  { fences, carried }: { readonly fences: string; readonly carried: CarriedFences },
): { readonly fenceKeys: readonly string[]; readonly carried: CarriedFences } {
  if (!ref.carriesTags) return { fenceKeys: ref.fenceKeys, carried };
  const depends = fencesOf(ref, fences);
  return { fenceKeys: depends.fenceKeys, carried: depends };
}
