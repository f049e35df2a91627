// The in-process tier: decoded entries beside the store, each still checked against the fences in the store.
import { BoundedMap } from "../bounded-map.js";
import { type Entry, headerCharacters } from "../codec/entry.js";
import { TenantLru } from "../store/tenant-lru.js";
import type { EntryRef } from "./entry-ref.js";
import { splitFences } from "./fences.js";
import { type JoinedFences, LocalEntry } from "./local-entry.js";

/** Fences that many entries have in common are kept once; these are the last of them. */
const MAX_SHARED_CHARACTERS = 2 * 1024 * 1024;
/** How much longer than a body its buffer may be (the entry's header is in front): a copy would cost more. */
const MAX_WASTED_BYTES = 512;

export class LocalEntries {
  readonly #entries: TenantLru<LocalEntry>;
  readonly #carried = new BoundedMap<JoinedFences>({
    maxCharacters: MAX_SHARED_CHARACTERS,
    charactersOf: ({ joined }) => joined.length,
  });

  constructor(maxBytes: number, maxTenantBytes: number) {
    this.#entries = new TenantLru({ maxBytes, maxTenantBytes });
  }

  get size(): number {
    return this.#entries.entries;
  }

  get bytes(): number {
    return this.#entries.bytes;
  }

  /** Entries that made room for others since the process began. */
  get evictions(): number {
    return this.#entries.evictions;
  }

  /**
   * The entry of this very request, if it has not expired; whether it is still valid is for the fences to
   * say.
   */
  get(ref: EntryRef): LocalEntry | undefined {
    const local = this.#entries.get(ref.entryKey);
    return local?.identity === ref.identity ? local : undefined;
  }

  /** Like {@link get}, and does not count as a use. */
  peek(ref: EntryRef): LocalEntry | undefined {
    const local = this.#entries.peek(ref.entryKey);
    return local?.identity === ref.identity ? local : undefined;
  }

  set(ref: EntryRef, entry: Entry): void {
    const body = ownBytes(entry.body);
    const variants = entry.variants.map((variant) => ({ ...variant, body: ownBytes(variant.body) }));
    const { tenant, module, maxEntries } = ref;
    const bodyBytes = variants.reduce((sum, variant) => sum + variant.body.length, body.length);
    const texts = entry.identity.length + entry.fences.length + entry.etag.length + ref.entryKey.length;
    const bytes = bodyBytes + 2 * (texts + headerCharacters(entry.headers));
    const holding = { tenant, module, bytes, maxModuleEntries: maxEntries };
    const local = new LocalEntry(ref.identity, this.#carriedBy(entry), entry, body, variants);
    const made = this.#entries.set(ref.entryKey, local, holding, entry.expiresAt - Date.now());
    // It is too large for the tenant's share. The entry that was there before it is older, and goes, too.
    if (made === undefined) this.#entries.delete(ref.entryKey);
  }

  #carriedBy({ fences: joined }: Entry): JoinedFences {
    const known = this.#carried.get(joined);
    if (known) return known;
    const carried = { joined, ...splitFences(joined) };
    this.#carried.set(joined, carried);
    return carried;
  }

  delete(ref: EntryRef): void {
    this.#entries.delete(ref.entryKey);
  }
}

/**
 * Bytes that only this entry keeps alive. A view of a larger buffer (what the client read from its socket,
 * Node's pool of small buffers) would keep all of that.
 */
function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength - bytes.length <= MAX_WASTED_BYTES) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
