// What wraps the subjects' data keys: the contract of a key provider, local or a KMS.
// Tests: test/unit/key-providers.test.ts
import { HttpProblem } from "../../http/problem.js";

/** Names one data key. Both parts are UUIDs in lower case. */
export interface KeyRef {
  readonly tenantId: string;
  readonly keyId: string;
}

/** A data key as it lies in the database. */
export interface WrappedKey {
  /** Of the wrapping key. At most 32 letters, digits, "_" or "-". */
  readonly version: string;
  readonly bytes: Buffer;
}

export const DATA_KEY_BYTES = 32;

/**
 * Wraps data keys. For each key it keeps a secret of its own in a store of its own, and no wrapped key opens
 * without that secret: once {@link destroy} has resolved, no copy of a wrapped key opens ever again, wherever
 * it comes from and whatever wrapping keys the provider still has. A KMS fits where destroying one key takes
 * effect at once.
 */
export interface KeyProvider {
  /** The version that wraps new keys. Older ones go on unwrapping for as long as they are configured. */
  readonly currentVersion: string;
  /**
   * Makes a data key, and the secret that it opens with. The id is new: a secret that is there already is an
   * error.
   */
  generate(ref: KeyRef): Promise<{ readonly dataKey: Buffer; readonly wrapped: WrappedKey }>;
  /**
   * @returns a buffer of the caller's own
   * @throws KeyDestroyed; KeysUnavailable where the secret is not there, the version is not known, or the
   * bytes are not what was wrapped for `ref`
   */
  unwrap(ref: KeyRef, wrapped: WrappedKey): Promise<Buffer>;
  /**
   * Wraps under the current version what another one has wrapped; the data key itself stays. @throws as
   * `unwrap` does
   */
  rewrap(ref: KeyRef, wrapped: WrappedKey): Promise<WrappedKey>;
  /**
   * Destroys the key's secret, for good, and remembers that it has. Resolves once that is durable; resolves,
   * too, where it was done before, or there never was one.
   */
  destroy(ref: KeyRef): Promise<void>;
}

/** The key was destroyed: a database that was restored from a copy may still have a row for it. */
export class KeyDestroyed extends Error {
  override readonly name = "KeyDestroyed";

  constructor() {
    super("the data key has been destroyed");
  }
}

/**
 * Keys that ought to be there cannot be had: the provider is away, or not the one that has wrapped them.
 * Answered 503, as nothing is disclosed without them.
 */
export class KeysUnavailable extends HttpProblem {
  /** @param reason for operators, with no tenant or subject in it */
  constructor(reason: string, options: { readonly cause?: unknown } = {}) {
    super(503, {
      detail: "The keys of personal data cannot be had now, and nothing is disclosed without them.",
      headers: { "Retry-After": "1" },
      cause: new Error(reason, options),
      // It lasts: one line tells when it begins, and one when it is over.
      isTold: true,
    });
    this.message = reason;
  }
}
