// What the live index of a tenant's module lists, a page at a time.
// Tests: test/contract/redis-store.test.ts
import { type EntryPage, type ListRequest, readCursor, writeCursor } from "../entry-page.js";
import type { KeySpace } from "../key-space.js";
import type { BookRepairs } from "./book-repairs.js";
import type { Servers } from "./servers.js";

/** Key, score, size and beginning of each. */
const FIELDS = 4;

export async function listEntries(
  servers: Servers,
  keys: KeySpace,
  repairs: BookRepairs,
  { tenant, module, after, most, headBytes }: ListRequest,
): Promise<EntryPage> {
  const fences = [keys.fence(tenant), keys.fence(tenant, module)] as const;
  const { place, key } = readCursor(after);
  const args = [keys.indexes(tenant), module, place, key, most, headBytes];
  const list = () => servers.run(fences[0], (link) => link.provenScript("listEntries", fences, args, true));
  const reply = await repairs.around(tenant, [module], list);
  const parts = reply as (Buffer | number)[];
  const entries = [];
  let last: string | undefined;
  for (let at = 0; at < parts.length; at += FIELDS) {
    const [entryKey, score, bytes, head] = parts.slice(at, at + FIELDS);
    const entry = {
      key: String(entryKey),
      expiresAtMs: Math.floor(Number(String(score))),
      bytes: Number(bytes),
      head: Buffer.isBuffer(head) ? head : Buffer.alloc(0),
    };
    entries.push(entry);
    last = writeCursor(String(score), entry.key);
  }
  return { entries, next: entries.length < most ? undefined : last };
}
