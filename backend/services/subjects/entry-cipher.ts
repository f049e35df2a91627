// The bytes of a sealed value: format, key derivation, commitment. No keys are looked up here.
// Tests: test/unit/entry-cipher.test.ts
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

// offset  bytes
//      0      1  magic 0xE5
//      1      1  version 1: HKDF-SHA-256, AES-256-GCM
//      2      1  n, the number of subjects, 1 to 64
//      3   16 n  ids of their data keys (UUIDs), ascending, none twice
//   + 16n    32  salt
//     +32    32  commitment to the key
//     +32     m  ciphertext
//      +m    16  tag
const MAGIC = 0xe5;
const VERSION = 1;
const PREFIX_BYTES = 3;
const ID_BYTES = 16;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const COMMITMENT_BYTES = 32;
const TAG_BYTES = 16;

export const MAX_SUBJECTS = 64;

/** What a sealed value is for. It opens for the same tenant and context, and no other. */
export interface EntryBinding {
  readonly tenantId: string;
  readonly context: string;
}

export interface EntryKey {
  /** A UUID. */
  readonly id: string;
  readonly key: Buffer;
}

/**
 * Why bytes do not open. `key`: they commit to another key. `bytes`: they, or what they are for, were
 * changed.
 */
export type CipherRefusal = "key" | "bytes";

/** @param keys 1 to 64, in any order; all of them are needed to open */
export function sealEntry(binding: EntryBinding, keys: readonly EntryKey[], plaintext: Buffer): Buffer {
  const sorted = keys.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const ids = sorted.map(({ id }) => Buffer.from(id.replaceAll("-", ""), "hex"));
  const salt = randomBytes(SALT_BYTES);
  const prefix = Buffer.concat([Buffer.of(MAGIC, VERSION, keys.length), ...ids, salt]);
  const derived = derive(
    binding,
    prefix,
    sorted.map(({ key }) => key),
  );
  const header = Buffer.concat([prefix, derived.commitment]);
  const cipher = createCipheriv("aes-256-gcm", derived.key, derived.iv);
  cipher.setAAD(Buffer.concat([header, info(binding)]));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  derived.key.fill(0);
  return Buffer.concat([header, body, cipher.getAuthTag()]);
}

/**
 * The ids of the keys that it needs, in their order; `undefined` where the bytes are no sealed value of a
 * version that is known.
 */
export function keyIdsOf(sealed: Buffer): string[] | undefined {
  const count = sealed[2] ?? 0;
  if (sealed[0] !== MAGIC || sealed[1] !== VERSION || count < 1 || count > MAX_SUBJECTS) return undefined;
  if (sealed.length < headerBytes(count) + TAG_BYTES) return undefined;
  const ids = Array.from({ length: count }, (_, index) => {
    const start = PREFIX_BYTES + index * ID_BYTES;
    const hex = sealed.toString("hex", start, start + ID_BYTES);
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  });
  // One spelling for each set of subjects.
  return ids.every((id, index) => index === 0 || id > (ids[index - 1] ?? "")) ? ids : undefined;
}

/** @param keys of {@link keyIdsOf}, in that order */
export function openEntry(
  binding: EntryBinding,
  keys: readonly Buffer[],
  sealed: Buffer,
): Buffer | CipherRefusal {
  const headerLength = headerBytes(keys.length);
  const header = sealed.subarray(0, headerLength);
  const derived = derive(binding, header.subarray(0, -COMMITMENT_BYTES), keys);
  try {
    // GCM alone commits to no key: bytes can be made that open under two. This is looked at first, and in
    // constant time.
    if (!timingSafeEqual(derived.commitment, header.subarray(-COMMITMENT_BYTES))) return "key";
    const decipher = createDecipheriv("aes-256-gcm", derived.key, derived.iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([header, info(binding)]));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(headerLength, -TAG_BYTES)), decipher.final()]);
  } catch {
    return "bytes";
  } finally {
    derived.key.fill(0);
  }
}

const headerBytes = (count: number) => PREFIX_BYTES + count * ID_BYTES + SALT_BYTES + COMMITMENT_BYTES;

/** Length before text: no two bindings have the same bytes. */
function info({ tenantId, context }: EntryBinding): Buffer {
  const parts = ["sealed-entry", tenantId, context].map((text) => Buffer.from(text, "utf8"));
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

/**
 * HKDF (RFC 5869) over all data keys, one after the other: without one of them, nothing is known of the
 * result. The salt is random and the result good for one entry, so its IV may be derived, too. The commitment
 * is part of the same output: two keys with the same one would be a collision of SHA-256.
 */
function derive(binding: EntryBinding, prefix: Buffer, keys: readonly Buffer[]) {
  const secret = Buffer.concat(keys);
  const salt = prefix.subarray(-SALT_BYTES);
  // Hashed, as Node takes no more than 1,024 bytes of info.
  const context = createHash("sha256").update(prefix.subarray(0, -SALT_BYTES)).update(info(binding)).digest();
  const length = KEY_BYTES + IV_BYTES + COMMITMENT_BYTES;
  const bytes = Buffer.from(hkdfSync("sha256", secret, salt, context, length));
  secret.fill(0);
  return {
    key: bytes.subarray(0, KEY_BYTES),
    iv: bytes.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES),
    commitment: bytes.subarray(KEY_BYTES + IV_BYTES),
  };
}
