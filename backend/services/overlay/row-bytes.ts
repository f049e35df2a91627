// A row as the cache keeps it: what lists and access go by, and the sealed bytes as they are in the database.
// Tests: test/unit/overlay-values.test.ts

/** JSON beside sealed bytes. Holds pseudonyms and no personal data. */
export interface RowMeta {
  /** ISO 8601. */
  readonly expires_at: string;
}

// offset  bytes
//      0      4  n, the length of the JSON
//      4      n  JSON
//      4+n       sealed bytes
const HEAD_BYTES = 4;

export interface CachedRow<Meta extends RowMeta> {
  readonly meta: Meta;
  readonly sealed: Buffer;
}

export function rowBytes<Meta extends RowMeta>({ meta, sealed }: CachedRow<Meta>): Buffer {
  const json = Buffer.from(JSON.stringify(meta));
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json, sealed]);
}

/** `undefined` where these are no bytes of {@link rowBytes}, or what they hold is over. */
export function rowOf<Meta extends RowMeta>(bytes: unknown, nowMs = Date.now()): CachedRow<Meta> | undefined {
  if (!Buffer.isBuffer(bytes) || bytes.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + bytes.readUInt32BE();
  if (end > bytes.length) return undefined;
  try {
    const meta = JSON.parse(bytes.toString("utf8", HEAD_BYTES, end)) as Meta;
    return Date.parse(meta.expires_at) > nowMs ? { meta, sealed: bytes.subarray(end) } : undefined;
  } catch {
    return undefined;
  }
}

/** What is left of a row's life, whole seconds; 0, which means that it is not kept, where it is over. */
export function secondsLeft(bytes: Buffer | null, maxSeconds: number): number {
  const row = rowOf(bytes);
  if (!row) return 0;
  const seconds = Math.floor((Date.parse(row.meta.expires_at) - Date.now()) / 1000);
  return Math.max(0, Math.min(seconds, maxSeconds));
}
