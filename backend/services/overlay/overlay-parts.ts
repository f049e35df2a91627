// What every service of the overlay is made of.
import type { TenantCache } from "express-tenant-cache";
import type { Pool, PoolClient } from "pg";
import type { AuditTrail } from "../audit/audit-trail.js";
import type { SubjectVault } from "../subjects/subject-vault.js";
import type { CacheTtl } from "./cache-ttl.js";

export interface SourceStanding {
  /** A change may be on its way there, or the CRM be away. Default "fresh". */
  readonly syncStatus?: "fresh" | "syncing" | "stale" | "conflict" | "failed";
  /** Why it is not fresh. No personal data. */
  readonly reason?: string;
}

/** A client as the other CRM has it. */
export interface SourceClient extends SourceStanding {
  readonly data: Readonly<Record<string, unknown>>;
  /** Opaque. */
  readonly version: string;
  readonly modifiedAt: Date;
  /**
   * How the answer stands when it is kept, asked in the transaction that keeps it. What the source has heard of since it answered is in that;
   * what it hears of later waits until the transaction has ended, and is told to whoever keeps the answer. Default: as it stood when it came.
   */
  readonly standing?: (client: PoolClient) => Promise<SourceStanding>;
}

/** Where clients come from that are not here: the connectors, as one function. */
export interface ClientSources {
  /**
   * `undefined` where the other CRM has no such client; `"none"` where no connector answers for this CRM.
   * @throws where the other CRM cannot answer
   */
  read(
    tenantId: string,
    crmSystem: string,
    crmId: string,
    signal: AbortSignal,
  ): Promise<SourceClient | undefined | "none">;
}

/** What the overlay asks of the trail. */
export type OverlayAudit = Pick<
  AuditTrail,
  "append" | "record" | "disclose" | "requireConsent" | "getAuditLogs" | "verifyAuditIntegrity"
>;

export interface OverlayParts {
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly audit: OverlayAudit;
  readonly vault: Pick<SubjectVault, "seal" | "open" | "pseudonym" | "onErase">;
  /** Default: none, and what is not here is nowhere. */
  readonly sources?: ClientSources | undefined;
  /** How long a read waits for the other CRM. Default 2,000 milliseconds. */
  readonly sourceBudgetMs?: number | undefined;
  readonly ttl: CacheTtl;
}
