// The record that says which records were pruned: without one, a missing content is a loss.
// Tests: test/integration/audit-blocks.test.ts
import type { Actor, AuditEvent, AuditRecord } from "./audit-event.js";
import { MAX_TEXT_CHARACTERS } from "./canonical-record.js";

const ENTITY_TYPE = "audit_record";
/** Of `detail`, beside the reason: so many members with ranges of indexes. */
const MAX_LISTS = 28;

export const PRUNER: Actor = { id: "system", role: "system" };

/** Events that name all indexes, which ascend: "0-9,12". */
export function pruneEvents(
  indexes: readonly number[],
  reason: string,
): { event: AuditEvent; indexes: number[] }[] {
  const events: { lists: string[]; indexes: number[] }[] = [];
  for (const [first, last] of rangesOf(indexes)) {
    const text = first === last ? `${first}` : `${first}-${last}`;
    let current = events.at(-1);
    const list = current?.lists.at(-1);
    if (current && list !== undefined && list.length + text.length < MAX_TEXT_CHARACTERS)
      current.lists[current.lists.length - 1] = `${list},${text}`;
    else if (current && current.lists.length < MAX_LISTS) current.lists.push(text);
    else {
      current = { lists: [text], indexes: [] };
      events.push(current);
    }
    for (let index = first; index <= last; index++) current.indexes.push(index);
  }
  return events.map(({ lists, indexes: named }) => ({
    event: {
      action: "erase",
      entityType: ENTITY_TYPE,
      entityId: `${named[0]}-${named.at(-1)}`,
      dataClass: "business",
      detail: {
        reason,
        count: named.length,
        ...Object.fromEntries(lists.map((list, n) => [`indexes${n}`, list])),
      },
    },
    indexes: named,
  }));
}

function rangesOf(indexes: readonly number[]): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  for (const index of indexes) {
    const current = ranges.at(-1);
    if (current && current[1] === index - 1) current[1] = index;
    else ranges.push([index, index]);
  }
  return ranges;
}

/** The indexes that the content of a record says were pruned, as ranges with both ends. */
export function prunedRanges(content: string): (readonly [first: number, last: number])[] {
  const { action, entityType, detail = {} } = JSON.parse(content) as AuditRecord;
  if (action !== "erase" || entityType !== ENTITY_TYPE) return [];
  const lists = Object.entries(detail).filter(([name]) => /^indexes\d+$/.test(name));
  return lists.flatMap(([, list]) =>
    String(list)
      .split(",")
      .map((range) => {
        const [first = Number.NaN, last = first] = range.split("-").map(Number);
        return [first, last] as const;
      }),
  );
}

/** What is never pruned: else what it allows would look like a loss. */
export const KEPT_ENTITY_TYPE = ENTITY_TYPE;
