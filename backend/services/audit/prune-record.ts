// The record that says which records were pruned: without one, a missing content is a loss.
// Tests: test/integration/audit-prune.test.ts
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

/** Whether the content of a record says that this index was pruned. */
export function saysPruned(content: string, index: number): boolean {
  const { action, entityType, detail = {} } = JSON.parse(content) as AuditRecord;
  if (action !== "erase" || entityType !== ENTITY_TYPE) return false;
  return Object.entries(detail).some(
    ([name, list]) =>
      /^indexes\d+$/.test(name) &&
      String(list)
        .split(",")
        .some((range) => {
          const [first = Number.NaN, last = first] = range.split("-").map(Number);
          return first <= index && index <= last;
        }),
  );
}

/** What is never pruned: else what it allows would look like a loss. */
export const KEPT_ENTITY_TYPE = ENTITY_TYPE;
