// What the vault takes and gives, beside sealed bytes.
// Tests: test/integration/subject-vault.test.ts
import type { CipherRefusal } from "./entry-cipher.js";
import type { Holding } from "./erase-holder.js";

export interface SealOptions {
  /** The sealed size is a multiple of it, and some 100 bytes. Default: buckets from 256 bytes on. */
  readonly padTo?: number;
}

/** A record whose sensitive fields are sealed. */
export interface SealedRecord {
  /** The other fields: for queries, sorting, and changes without the keys. */
  readonly readable: Readonly<Record<string, unknown>>;
  readonly sealed: Buffer;
}

/** Why something was not opened, since this process began. */
export interface VaultStats {
  readonly sealed: number;
  readonly opened: number;
  readonly refused: Readonly<Record<"format" | "erased" | "value" | CipherRefusal, number>>;
  /** Data keys in memory now. */
  readonly keysHeld: number;
}

export interface SubjectExport {
  readonly subjectId: string;
  readonly exportedAt: string;
  readonly held: readonly Holding[];
  /** By holder. */
  readonly data: Readonly<Record<string, readonly unknown[]>>;
}
