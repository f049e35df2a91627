// Watches the trails of all tenants and tells when one wants somebody: corruption, a checkpoint that is late, lost records, failing
// synchronisation. One line in the log for each change that lasts.
// Tests: test/integration/audit-watch.test.ts, test/http/audit-routes.test.ts
import { EventEmitter } from "node:events";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { isDatabaseUnavailable } from "../../../db/database-errors.js";
import { withTenant } from "../../../db/tenant-transaction.js";
import { Outage } from "../../../outage.js";
import { type AuditTrail, insertRecords } from "../audit-trail.js";
import { openLosses, settleGoneBuffers } from "../policy/gone-buffers.js";
import { checkpointStatus } from "./trail-status.js";

export interface SyncFigures {
  /** Changes that could not be brought across, and wait for somebody. */
  readonly failures: number;
  /** Connections that have not worked for too long, in words. */
  readonly problems?: readonly string[];
  /** What is shown to auditors. */
  readonly [more: string]: unknown;
}

/** How synchronisation of a tenant stands: who synchronises says it. */
export type SyncSource = (tenantId: string) => Promise<SyncFigures>;

export const AUDIT_ALERTS = ["corruption", "checkpoint-age", "records-lost", "sync-failure"] as const;

export interface AuditAlert {
  readonly tenantId: string;
  readonly name: (typeof AUDIT_ALERTS)[number];
  readonly message: string;
  readonly since: Date;
}

export interface AuditWatchOptions {
  readonly pool: Pool;
  readonly trail: Pick<AuditTrail, "verifyAuditIntegrity" | "recorder">;
  readonly logger: Pick<Logger, "info" | "error">;
  /** Trees whose worker found that they are not what was signed. */
  readonly brokenTrees?: () => readonly { readonly tenantId: string; readonly message: string }[];
  /** A committed record that no checkpoint covers for so long is an alert, seconds. Default 120: four times what is promised. */
  readonly maxCheckpointAgeSeconds?: number;
  /** How old a verification of all records may be that a look goes by, milliseconds. Default an hour: it reads all of them. */
  readonly verifyEveryMs?: number;
  /** Between looks at all tenants, milliseconds. Default 60,000. */
  readonly intervalMs?: number;
}

export type Integrity = Awaited<ReturnType<AuditTrail["verifyAuditIntegrity"]>> & { readonly at: Date };

interface Verified {
  readonly atMs: number;
  readonly report: Promise<Integrity>;
}

/** What this process knows of a trail without reading it. */
export interface KnownIntegrity {
  /** Of the last verification that has ended. */
  readonly last: Integrity | undefined;
  readonly isUnderWay: boolean;
}

export class AuditWatch extends EventEmitter<{ alert: [AuditAlert]; resolved: [AuditAlert] }> {
  readonly #options: Required<AuditWatchOptions>;
  readonly #alerts = new Map<string, AuditAlert>();
  readonly #verified = new Map<string, Verified>();
  readonly #ended = new Map<string, Integrity>();
  readonly #underWay = new Set<string>();
  /** One pass over a trail at a time. */
  #verifying: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #sync: SyncSource | undefined;
  readonly #unseen: Outage;

  constructor(options: AuditWatchOptions) {
    super();
    this.#options = {
      brokenTrees: () => [],
      maxCheckpointAgeSeconds: 120,
      verifyEveryMs: 3_600_000,
      intervalMs: 60_000,
      ...options,
    };
    const { logger } = options;
    this.#unseen = new Outage({
      began: (reason) => logger.error(`audit: alerts are not up to date (${reason})`),
      ended: (seconds) => logger.info(`audit: alerts are up to date again, after ${seconds} s`),
    });
    this.on("alert", ({ name, tenantId, message }) =>
      logger.error(`audit alert ${name} of tenant ${tenantId}: ${message}`),
    );
    this.on("resolved", ({ name, tenantId }) =>
      logger.info(`audit alert ${name} of tenant ${tenantId} is over`),
    );
  }

  /** Called once by whoever synchronises. */
  registerSync(source: SyncSource): void {
    this.#sync = source;
  }

  /** `undefined` where nobody synchronises. */
  async sync(tenantId: string): Promise<SyncFigures | undefined> {
    return await this.#sync?.(tenantId);
  }

  /** Looks at intervals from now on; keeps no process alive. */
  start(): this {
    const look = () => {
      this.#looking = this.lookAtAll().finally(() => {
        if (this.#timer) this.#timer = setTimeout(look, this.#options.intervalMs).unref();
      });
    };
    this.#timer ??= setTimeout(look, this.#options.intervalMs).unref();
    return this;
  }

  /** Resolves once a look that is under way is done. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks at every tenant that has a trail. Never rejects: a database that is away has a line of its own. */
  async lookAtAll(): Promise<void> {
    const { pool } = this.#options;
    try {
      // As the tables' owner, over all tenants.
      const { rows } = await pool.query<{ tenant_id: string }>(
        "SELECT tenant_id FROM audit_checkpoints UNION SELECT tenant_id FROM audit_pending UNION SELECT id FROM tenants",
      );
      let problem: string | undefined;
      for (const { tenant_id } of rows) {
        try {
          await this.look(tenant_id);
        } catch (error) {
          if (isDatabaseUnavailable(error)) throw error;
          // The trails of others are looked at all the same.
          problem ??= `tenant ${tenant_id}: ${error instanceof Error ? error.message : String(error)}`;
        }
      }
      if (problem === undefined) this.#unseen.worked();
      else this.#unseen.failed(problem);
    } catch {
      // The next look comes.
    }
  }

  /** Looks at one tenant now. @returns what is wrong */
  async look(tenantId: string): Promise<readonly AuditAlert[]> {
    const { pool, maxCheckpointAgeSeconds, verifyEveryMs } = this.#options;
    const { waitingSeconds, notCovered } = await checkpointStatus(pool, tenantId);
    this.#judge(
      tenantId,
      "checkpoint-age",
      waitingSeconds > maxCheckpointAgeSeconds
        ? `${notCovered} records are not covered by a checkpoint, the oldest for ${waitingSeconds} s`
        : undefined,
    );
    this.#judge(tenantId, "records-lost", await this.#lossesOf(tenantId));
    await this.#lookAtSync(tenantId);
    // The last one: it may read all records.
    const broken = this.#options.brokenTrees().find((tree) => tree.tenantId === tenantId);
    const report = broken ? undefined : await this.integrity(tenantId, verifyEveryMs);
    this.#judge(
      tenantId,
      "corruption",
      broken?.message ?? (report?.valid === false ? report.errors[0] : undefined),
    );
    return this.alertsOf(tenantId);
  }

  /** What was wrong at the last look. */
  alertsOf(tenantId: string): readonly AuditAlert[] {
    return [...this.#alerts.values()].filter((alert) => alert.tenantId === tenantId);
  }

  /** How many tenants had the alert at their last look. */
  tenantsWith(name: AuditAlert["name"]): number {
    return [...this.#alerts.values()].filter((alert) => alert.name === name).length;
  }

  /** A verification of all records, by default at most a minute old; those that ask at the same time share one. */
  async integrity(tenantId: string, maxAgeMs = 60_000): Promise<Integrity> {
    const { trail } = this.#options;
    const known = this.#verified.get(tenantId);
    if (known && performance.now() - known.atMs < maxAgeMs) return await known.report;
    const at = new Date();
    const report = this.#verifying.then(async () => ({
      ...(await trail.verifyAuditIntegrity(tenantId)),
      at,
    }));
    this.#verifying = report.catch(() => undefined);
    this.#verified.set(tenantId, { atMs: performance.now(), report });
    this.#underWay.add(tenantId);
    report
      .then(
        (ended) => this.#ended.set(tenantId, ended),
        () => this.#verified.delete(tenantId),
      )
      .finally(() => this.#underWay.delete(tenantId));
    return await report;
  }

  /** Reads nothing: a verification reads all records, which takes its time. */
  knownIntegrity(tenantId: string): KnownIntegrity {
    return { last: this.#ended.get(tenantId), isUnderWay: this.#underWay.has(tenantId) };
  }

  get maxCheckpointAgeSeconds(): number {
    return this.#options.maxCheckpointAgeSeconds;
  }

  async #lossesOf(tenantId: string): Promise<string | undefined> {
    const { pool, trail } = this.#options;
    const losses = await withTenant(
      pool,
      tenantId,
      async (client) => {
        await settleGoneBuffers(client, tenantId, {
          insert: insertRecords,
          lossRecord: (of, loss) => trail.recorder.lossRecord(of, loss),
        });
        return await openLosses(client, tenantId);
      },
      { anyTenant: true },
    );
    const told = losses.map(({ process_id, lost, silent_since, capacity }) => {
      const gone = silent_since && `up to ${capacity} that it recorded since ${silent_since.toISOString()}`;
      return `process ${process_id}: ${[lost > 0 && `${lost}`, gone].filter(Boolean).join(", and ")}`;
    });
    return told.length > 0 ? `buffered records were lost (${told.join("; ")})` : undefined;
  }

  async #lookAtSync(tenantId: string): Promise<void> {
    if (!this.#sync) return;
    const message = await this.#sync(tenantId).then(
      ({ failures, problems = [] }) => {
        const waiting = `${failures} changes could not be brought across, and wait for somebody`;
        return [...(failures > 0 ? [waiting] : []), ...problems].join("; ") || undefined;
      },
      (error: unknown) => `the state of synchronisation cannot be read (${String(error)})`,
    );
    this.#judge(tenantId, "sync-failure", message);
  }

  #judge(tenantId: string, name: AuditAlert["name"], message: string | undefined): void {
    const key = `${name} ${tenantId}`;
    const raised = this.#alerts.get(key);
    if (message === undefined) {
      if (raised && this.#alerts.delete(key)) this.emit("resolved", raised);
      return;
    }
    const alert = { tenantId, name, message, since: raised?.since ?? new Date() };
    this.#alerts.set(key, alert);
    if (!raised) this.emit("alert", alert);
  }
}
