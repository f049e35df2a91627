// A page of what the in-process store has of a tenant's module.
// Tests: test/contract/memory-store.test.ts
import { monotonicNow } from "../timers.js";
import { type EntryPage, type ListedEntry, type ListRequest, readCursor, writeCursor } from "./entry-page.js";
import type { TenantLru } from "./tenant-lru.js";

interface Stored {
  readonly value: Buffer;
}

/** @param isCurrent whether no fence has cut it off */
export function memoryPage<Value extends Stored>(
  entries: Pick<TenantLru<Value>, "listed">,
  { tenant, module, after, most, headBytes }: ListRequest,
  isCurrent: (value: Value) => boolean,
): EntryPage {
  const from = readCursor(after);
  const isBehind = (place: number, key: string) =>
    place > Number(from.place) || (place === Number(from.place) && key > from.key);
  const live: (ListedEntry & { readonly place: number })[] = [];
  for (const { key, value, expiresAtMs } of entries.listed(tenant, module)) {
    if (!isBehind(expiresAtMs, key) || !isCurrent(value)) continue;
    const { value: entry } = value;
    const wallMs = Math.round(Date.now() + expiresAtMs - monotonicNow());
    const head = entry.subarray(0, headBytes);
    live.push({ key, expiresAtMs: wallMs, bytes: entry.length, head, place: expiresAtMs });
  }
  live.sort((one, other) => one.place - other.place || (one.key < other.key ? -1 : 1));
  const page = live.slice(0, most);
  const last = live.length > most ? page.at(-1) : undefined;
  return { entries: page, next: last && writeCursor(String(last.place), last.key) };
}
