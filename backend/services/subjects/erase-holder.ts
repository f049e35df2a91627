// What holds data about subjects, as an erasure and an export ask it; and what an erasure reports.
// Tests: test/integration/erasure.test.ts

/** One kind of thing that is held about a subject. No personal data. */
export interface Holding {
  /** "communications", "actions of AI agents". */
  readonly what: string;
  /** "PostgreSQL, overlay_communications". */
  readonly where: string;
  readonly count: number;
  /** When the last of it would have gone by itself, ISO 8601. Absent: it stays until it is erased. */
  readonly until?: string;
}

export interface EraseHolder {
  /** "communications", "ai queue", "outbox", "hubspot", … No two have the same. */
  readonly name: string;
  holds(tenantId: string, subjectId: string): Promise<readonly Holding[]>;
  /**
   * Drops it. May be called again, also by another process, and then finds less or nothing. An erasure waits
   * for it: what is to happen in another system is ordered here, durably, and carried out behind it.
   */
  erase(tenantId: string, subjectId: string, reason: string): Promise<void>;
  /** JSON (GDPR articles 15 and 20). */
  export(tenantId: string, subjectId: string): Promise<readonly unknown[]>;
}

export interface ErasureReport {
  readonly id: string;
  readonly pseudonym: string;
  readonly state: "unfinished" | "erased";
  readonly reason: string;
  /** Who asked for it first. */
  readonly requestedBy: { readonly id: string; readonly role: string };
  readonly requestedAt: string;
  readonly finishedAt?: string;
  /** What was held before anything was dropped. Absent until that is known. */
  readonly held?: readonly Holding[];
}

/**
 * Not finished yet: some step failed, or a holder did. The data key is destroyed or about to be, nothing is
 * disclosed any more, and the job goes on in the background, in any process.
 */
export class ErasureUnfinished extends Error {
  override readonly name = "ErasureUnfinished";
}
