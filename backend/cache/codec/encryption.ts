// Optional encryption of entries: AES-256-GCM, bound to the key that an entry is stored under.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

export interface EncryptionKey {
  /** Names the key inside entries, so that keys can be rotated: at most 32 letters, digits, "_" or "-". */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** Turns an entry's bytes, in pieces that follow each other, into what the store holds, and back. */
export interface Sealer {
  seal(entryKey: string, pieces: readonly Buffer[]): readonly Buffer[];
  /** `undefined` for what was not sealed under this name by one of the keys. Never throws. */
  open(entryKey: string, sealed: Buffer): Buffer | undefined;
}

export const PLAIN: Sealer = { seal: (_entryKey, pieces) => pieces, open: (_entryKey, sealed) => sealed };

const MAGIC = 0x45544358; // "ETCX"
const ALGORITHM = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;
const FIXED_BYTES = 4 + 1 + IV_BYTES + TAG_BYTES;

/**
 * Seals with the first key and opens with any of them: to rotate, put the new key first and drop the old one when its entries
 * have expired. The store's key is associated data, so that an entry that is moved to another key does not open.
 * Layout: magic, length of the key id, key id, IV, tag, ciphertext. IVs are random (NIST SP 800-38D section 8.2.2).
 */
export function createSealer(keys: readonly [EncryptionKey, ...EncryptionKey[]]): Sealer {
  const [current] = keys;
  const secrets = new Map(keys.map(({ id, secret }) => [id, secret]));
  const currentId = Buffer.from(current.id, "latin1");
  return {
    seal(entryKey, pieces) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, current.secret, iv);
      cipher.setAAD(Buffer.from(entryKey));
      const ciphertext = pieces.map((piece) => cipher.update(piece));
      cipher.final();
      const head = Buffer.allocUnsafe(5);
      head.writeUInt32BE(MAGIC, 0);
      head.writeUInt8(currentId.length, 4);
      return [Buffer.concat([head, currentId, iv, cipher.getAuthTag()]), ...ciphertext];
    },
    open(entryKey, sealed) {
      if (sealed.length < FIXED_BYTES || sealed.readUInt32BE(0) !== MAGIC) return undefined;
      const ivStart = 5 + sealed.readUInt8(4);
      const bodyStart = ivStart + IV_BYTES + TAG_BYTES;
      const secret = secrets.get(sealed.toString("latin1", 5, ivStart));
      if (!secret || bodyStart > sealed.length) return undefined;
      const decipher = createDecipheriv(ALGORITHM, secret, sealed.subarray(ivStart, ivStart + IV_BYTES));
      decipher.setAAD(Buffer.from(entryKey));
      decipher.setAuthTag(sealed.subarray(ivStart + IV_BYTES, bodyStart));
      try {
        const value = decipher.update(sealed.subarray(bodyStart));
        decipher.final();
        return value;
      } catch {
        return undefined;
      }
    },
  };
}
