// Optional encryption of entries: AES-256-GCM under a key of each value's own, bound to the key that an entry is stored under.
// Tests: test/unit/encryption.test.ts
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { BoundedMap } from "../bounded-map.js";

export interface EncryptionKey {
  /** Names the key inside entries, so that keys can be rotated: at most 32 letters, digits, "_" or "-". */
  readonly id: string;
  /**
   * 32 random bytes. No value is sealed with them: each gets a key that is derived from them and a salt of
   * its own.
   */
  readonly secret: Uint8Array;
}

/** What this process has sealed. */
export interface SealCount {
  /** Of the key that seals: the first of the option `encryption.keys`. */
  readonly keyId: string;
  /** Values sealed since the process began. */
  readonly seals: number;
}

/** Turns an entry's bytes, in pieces that follow each other, into what the store holds, and back. */
export interface Sealer {
  seal(entryKey: string, pieces: readonly Buffer[]): readonly Buffer[];
  /**
   * `undefined` for what was not sealed under this name by the key it names; `"outdated"` for what an earlier
   * version of this format sealed, or a key that has been dropped: that is gone, not damaged. What is not sealed at
   * all may be anybody's, and is none of these where keys are given. Never throws.
   */
  open(entryKey: string, sealed: Buffer): Buffer | "outdated" | undefined;
  /** `null` where nothing is sealed. */
  readonly sealed: SealCount | null;
}

export const PLAIN: Sealer = {
  seal: (_entryKey, pieces) => pieces,
  // Sealed before encryption was switched off.
  open: (_entryKey, value) => (isSealed(magicOf(value)) ? "outdated" : value),
  sealed: null,
};

const MAGIC = 0x45544359; // "ETCY"
/** "ETCX": sealed with the secret itself, under random IVs. */
const FIRST_MAGIC = 0x45544358;
const ALGORITHM = "aes-256-gcm";
const PREFIX_BYTES = 4 + 1;
const SALT_BYTES = 32;
const KEY_BYTES = 32;
const COMMITMENT_BYTES = 32;
const TAG_BYTES = 16;
/** Behind the key id. */
const TAG_START = SALT_BYTES + COMMITMENT_BYTES;
const CIPHERTEXT_START = TAG_START + TAG_BYTES;
/** A derived key seals one value, so this IV is used once under it. */
const IV = Buffer.alloc(12);
/** Keys of the values that were opened last: deriving one takes longer than opening a small value. */
const DERIVED = { maxCharacters: 1024 * 1024, maxEntries: 1000 };

interface Derived {
  readonly key: KeyObject;
  readonly commitment: Buffer;
}

/** One of the option's keys, and what is derived from it. */
class Secret {
  readonly id: string;
  /** Values sealed. */
  seals = 0;
  readonly #secret: KeyObject;
  readonly #info: Buffer;
  /**
   * By salt, in latin1; only of what has been opened, because anything else may be put under a key in the
   * store.
   */
  readonly #opened = new BoundedMap<Derived>(DERIVED);

  constructor({ id, secret }: EncryptionKey) {
    this.id = id;
    this.#secret = createSecretKey(secret);
    this.#info = Buffer.from(`express-tenant-cache seal 2 ${id}`, "latin1");
  }

  seal(entryKey: string, pieces: readonly Buffer[]): readonly Buffer[] {
    this.seals++;
    const salt = randomBytes(SALT_BYTES);
    const { key, commitment } = this.#derive(salt);
    const cipher = createCipheriv(ALGORITHM, key, IV);
    cipher.setAAD(Buffer.from(entryKey));
    const ciphertext = pieces.map((piece) => cipher.update(piece));
    cipher.final();
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(MAGIC, 0);
    prefix.writeUInt8(this.id.length, 4);
    const id = Buffer.from(this.id, "latin1");
    return [Buffer.concat([prefix, id, salt, commitment, cipher.getAuthTag()]), ...ciphertext];
  }

  /**
   * @param rest of the value, from the salt on
   * @throws where that was not sealed by this key under this name
   */
  open(entryKey: string, rest: Buffer): Buffer {
    const salt = rest.subarray(0, SALT_BYTES);
    const name = salt.toString("latin1");
    const known = this.#opened.get(name);
    const derived = known ?? this.#derive(salt);
    if (!timingSafeEqual(derived.commitment, rest.subarray(SALT_BYTES, TAG_START)))
      throw new Error("sealed by another key");
    // The length, because AES-GCM also knows shorter tags: what is cut short in its tag would be opened by
    // what is left of that.
    const decipher = createDecipheriv(ALGORITHM, derived.key, IV, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(entryKey));
    decipher.setAuthTag(rest.subarray(TAG_START, CIPHERTEXT_START));
    const value = decipher.update(rest.subarray(CIPHERTEXT_START));
    decipher.final();
    if (!known) this.#opened.set(name, derived);
    return value;
  }

  /**
   * HKDF-SHA-256 (RFC 5869): the first half is the key, the second says which key that is, and nothing else
   * about it.
   */
  #derive(salt: Buffer): Derived {
    const bytes = Buffer.from(
      hkdfSync("sha256", this.#secret, salt, this.#info, KEY_BYTES + COMMITMENT_BYTES),
    );
    return { key: createSecretKey(bytes.subarray(0, KEY_BYTES)), commitment: bytes.subarray(KEY_BYTES) };
  }
}

function isSealed(magic: number): boolean {
  return magic === MAGIC || magic === FIRST_MAGIC;
}

function magicOf(value: Buffer): number {
  return value.length < PREFIX_BYTES ? 0 : value.readUInt32BE(0);
}

/**
 * Seals with the first key and opens with any of them: to rotate, put the new key first and drop the old one
 * when its entries have expired. The store's key is associated data, so that an entry that is moved to
 * another key does not open.
 *
 * Layout: magic, length of the key id, key id, salt, commitment, tag, ciphertext. AES-GCM under one key and
 * random IVs is good for 2^32 seals (NIST SP 800-38D section 8.3). Here each value has a key of its own, by a
 * random salt of 256 bits: of 2^64 seals two share a salt with a chance below 2^-128. The commitment is
 * compared before anything is opened: AES-GCM alone lets someone who knows two keys make a value that opens
 * under both (Albertini et al., "How to Abuse and Fix Authenticated Encryption Without Key Commitment",
 * USENIX Security 2022).
 * @internal
 */
export function createSealer(keys: readonly [EncryptionKey, ...EncryptionKey[]]): Sealer {
  const current = new Secret(keys[0]);
  const secrets = new Map(
    [current, ...keys.slice(1).map((key) => new Secret(key))].map((one) => [one.id, one]),
  );
  return {
    get sealed() {
      return { keyId: current.id, seals: current.seals };
    },
    seal: (entryKey, pieces) => current.seal(entryKey, pieces),
    open(entryKey, value) {
      const magic = magicOf(value);
      if (magic === FIRST_MAGIC) return "outdated";
      if (magic !== MAGIC) return undefined;
      const restStart = PREFIX_BYTES + value.readUInt8(PREFIX_BYTES - 1);
      if (value.length < restStart + CIPHERTEXT_START) return undefined;
      const secret = secrets.get(value.toString("latin1", PREFIX_BYTES, restStart));
      if (!secret) return "outdated";
      try {
        return secret.open(entryKey, value.subarray(restStart));
      } catch {
        return undefined;
      }
    },
  };
}
