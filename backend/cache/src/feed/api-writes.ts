// Mutations that the API has invalidated itself: their notes tell the drain which transactions it need not fence again.
// Tests: test/integration/feed-api-writes.test.ts
import type { Change } from "./feed-queries.js";
import { hadEnded, parseSnapshot, type Snapshot } from "./snapshot.js";

/** What a mutation has fenced, and a snapshot from before its fences were replaced. */
export interface ApiWrite {
  readonly server: string;
  readonly marker: string | null;
  readonly snapshot: string;
  readonly tenant: string;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
  readonly everything: boolean;
}

interface Known extends ApiWrite {
  readonly seen: Snapshot;
}

export function readNotes(
  texts: readonly string[],
  of: Pick<ApiWrite, "server" | "marker">,
): readonly Known[] {
  return texts.flatMap((text) => {
    const write = JSON.parse(text) as ApiWrite;
    const isOfThisLife = write.server === of.server && write.marker === of.marker;
    return isOfThisLife ? [{ ...write, seen: parseSnapshot(write.snapshot) }] : [];
  });
}

/** Whether all of the change was committed before somebody fenced what it touches. */
export function isFenced(change: Change, writes: readonly Known[]): boolean {
  const touching = writes.filter((write) => touches(write, change));
  if (touching.length === 0) return false;
  return change.xids?.every((xid) => touching.some(({ seen }) => hadEnded(seen, BigInt(xid)))) ?? false;
}

function touches(write: ApiWrite, { tenant, module, tag }: Change): boolean {
  if (write.tenant !== tenant) return false;
  if (write.everything) return true;
  return tag === "" ? write.modules.includes(module) : write.tags.includes(tag);
}
