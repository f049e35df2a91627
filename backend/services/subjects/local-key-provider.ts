// The local key provider: wrapping keys of the configuration, and a folder with a small secret for each key.
// Tests: test/unit/key-providers.test.ts
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readFile } from "node:fs/promises";
import path from "node:path";
import {
  DATA_KEY_BYTES,
  KeyDestroyed,
  type KeyProvider,
  type KeyRef,
  KeysUnavailable,
  type WrappedKey,
} from "./key-provider.js";

export interface LocalKeyProviderOptions {
  /** The first wraps, each of them unwraps. 32 bytes each. */
  readonly keys: readonly { readonly id: string; readonly secret: Uint8Array }[];
  /** Of the secrets. Shared by all processes; on no disk that keeps what is deleted. */
  readonly folder: string;
}

const SECRET_BYTES = 32;
const FORMAT = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const WRAPPED_BYTES = 1 + IV_BYTES + DATA_KEY_BYTES + TAG_BYTES;

/**
 * A wrapped key opens with two things: the wrapping key of its version, and its secret. `destroy` overwrites
 * the secret and cuts it off, so that what is left (any copy of the database, and all of this provider's
 * state) is one half of a key.
 */
export class LocalKeyProvider implements KeyProvider {
  readonly currentVersion: string;
  readonly #keys: ReadonlyMap<string, Uint8Array>;
  readonly #folder: string;

  constructor({ keys, folder }: LocalKeyProviderOptions) {
    const [first] = keys;
    if (first === undefined) throw new TypeError("a key provider needs a wrapping key");
    this.currentVersion = first.id;
    this.#keys = new Map(keys.map(({ id, secret }) => [id, secret]));
    this.#folder = folder;
  }

  async generate(ref: KeyRef): Promise<{ dataKey: Buffer; wrapped: WrappedKey }> {
    const secret = randomBytes(SECRET_BYTES);
    await this.#write(ref, secret);
    const dataKey = randomBytes(DATA_KEY_BYTES);
    return { dataKey, wrapped: this.#wrap(ref, dataKey, secret) };
  }

  async unwrap(ref: KeyRef, wrapped: WrappedKey): Promise<Buffer> {
    return this.#unwrap(ref, wrapped, await this.#read(ref));
  }

  async rewrap(ref: KeyRef, wrapped: WrappedKey): Promise<WrappedKey> {
    const secret = await this.#read(ref);
    const dataKey = this.#unwrap(ref, wrapped, secret);
    try {
      return this.#wrap(ref, dataKey, secret);
    } finally {
      dataKey.fill(0);
    }
  }

  /** What stays is an empty file: a key that was destroyed and one that was never here are told apart. */
  async destroy(ref: KeyRef): Promise<void> {
    const file = this.#file(ref);
    try {
      await this.#makeFolderOf(file);
      const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
      try {
        if ((await handle.stat()).size > 0) {
          // In place, as far as the file system has places: docs/crm/subjects.md says which ones do not.
          await handle.write(randomBytes(SECRET_BYTES), 0, SECRET_BYTES, 0);
          await handle.sync();
          await handle.truncate(0);
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncFolder(path.dirname(file));
    } catch (error) {
      throw this.#away(error);
    }
  }

  #wrap(ref: KeyRef, dataKey: Buffer, secret: Buffer): WrappedKey {
    const version = this.currentVersion;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#wrappingKey(ref, version, secret), iv);
    const sealed = Buffer.concat([cipher.update(dataKey), cipher.final()]);
    return { version, bytes: Buffer.concat([Buffer.of(FORMAT), iv, sealed, cipher.getAuthTag()]) };
  }

  #unwrap(ref: KeyRef, { version, bytes }: WrappedKey, secret: Buffer): Buffer {
    if (bytes.length !== WRAPPED_BYTES || bytes[0] !== FORMAT)
      throw new KeysUnavailable("a wrapped data key has a format that this version does not know");
    const decipher = createDecipheriv(
      "aes-256-gcm",
      this.#wrappingKey(ref, version, secret),
      bytes.subarray(1, 1 + IV_BYTES),
      { authTagLength: TAG_BYTES },
    );
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(1 + IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw new KeysUnavailable(`a data key was not wrapped by this provider's key "${version}"`, { cause });
    }
  }

  /**
   * Tenant, key and version are in the derivation: a row that was moved to another place does not open there.
   */
  #wrappingKey({ tenantId, keyId }: KeyRef, version: string, secret: Buffer): Buffer {
    const wrapping = this.#keys.get(version);
    if (!wrapping) {
      throw new KeysUnavailable(
        `data keys are wrapped under "${version}", which is not configured: keep it behind the current key until all are re-wrapped`,
      );
    }
    const info = `subject-key-wrap/${FORMAT}|${version}|${tenantId}|${keyId}`;
    return Buffer.from(hkdfSync("sha256", Buffer.concat([wrapping, secret]), "", info, 32));
  }

  /** A folder of 256 folders: some file systems are slow where one has millions of files. */
  #file({ tenantId, keyId }: KeyRef): string {
    return path.join(this.#folder, keyId.slice(0, 2), `${tenantId}.${keyId}`);
  }

  async #read(ref: KeyRef): Promise<Buffer> {
    try {
      const secret = await readFile(this.#file(ref));
      if (secret.length === SECRET_BYTES) return secret;
      if (secret.length === 0) throw new KeyDestroyed();
    } catch (error) {
      if (error instanceof KeyDestroyed) throw error;
      if (codeOf(error) !== "ENOENT") throw this.#away(error);
    }
    throw new KeysUnavailable(
      "a data key's secret is not in the folder of secrets: is it the folder that it was made in?",
    );
  }

  async #write(ref: KeyRef, secret: Buffer): Promise<void> {
    const file = this.#file(ref);
    try {
      await this.#makeFolderOf(file);
      const handle = await open(file, "wx", 0o600);
      try {
        await handle.write(secret);
        await handle.sync();
      } finally {
        await handle.close();
      }
      // A row whose secret a power cut has taken would be lost.
      await syncFolder(path.dirname(file));
    } catch (error) {
      throw this.#away(error);
    }
  }

  async #makeFolderOf(file: string): Promise<void> {
    if (await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })) await syncFolder(this.#folder);
  }

  #away(cause: unknown): KeysUnavailable {
    return new KeysUnavailable(`the folder of secrets cannot be used (${codeOf(cause) ?? String(cause)})`, {
      cause,
    });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
}
