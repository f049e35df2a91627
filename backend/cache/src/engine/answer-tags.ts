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

/** @param fences of the fill's start, joined */
export function joinTagged(fences: string, tags: readonly string[], tagFences: readonly string[]): string {
  return [fences, ...tags.map((tag, index) => `${tag}=${tagFences[index]}`)].join(",");
}
