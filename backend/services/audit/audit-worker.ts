// Behind the requests: committed records become leaves within a second, and trees are signed. Every process does it, one at a time.
// Tests: test/integration/audit-worker.test.ts, test/faults/audit-faults.test.ts
import type { Pool } from "pg";
import type { Logger } from "pino";
import { isDatabaseUnavailable } from "../../db/database-errors.js";
import { Outage } from "../../outage.js";
import { CheckpointFork } from "./checkpoint-place.js";
import type { Checkpointer } from "./checkpointer.js";
import {
  integrate,
  MAX_STEP_RECORDS,
  signedSize,
  TreeBroken,
  tenantsToSign,
  tenantsWithPending,
} from "./tree-store.js";

export interface AuditWorkerOptions {
  readonly pool: Pool;
  readonly checkpointer: Checkpointer;
  readonly logger: Pick<Logger, "info" | "error">;
  /** How often committed records are looked for. Default 1000 ms. */
  readonly pollMs?: number;
  /** How often a tree that has grown is signed, at least. Default 15,000 ms. */
  readonly checkpointMs?: number;
  /** A tree is signed at once when so many of its records are not. Default 1000. */
  readonly checkpointRecords?: number;
}

/** What an operator must look at: the tenant's tree does not grow any more. */
export interface AuditAlarm {
  readonly tenantId: string;
  readonly message: string;
  readonly since: Date;
}

const DEFAULT_POLL_MS = 1000;
const DEFAULT_CHECKPOINT_MS = 15_000;

export class AuditWorker {
  readonly #options: AuditWorkerOptions;
  readonly #alarms = new Map<string, AuditAlarm>();
  readonly #placing: Outage;
  readonly #signing: Outage;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #signedAtMs = Number.NEGATIVE_INFINITY;
  #isStarted = false;
  #isStopped = false;

  constructor(options: AuditWorkerOptions) {
    this.#options = options;
    const { logger } = options;
    this.#placing = new Outage({
      began: (reason) => logger.error(`audit: records are kept, but get no place in the tree (${reason})`),
      ended: (seconds) => logger.info(`audit: records get their places again, after ${seconds} s`),
    });
    this.#signing = new Outage({
      began: (reason) =>
        logger.error(`audit: trees are not signed (${reason}): what is recorded meanwhile is not proven`),
      ended: (seconds) => logger.info(`audit: trees are signed again, after ${seconds} s`),
    });
  }

  /** Trees that are not what was signed. Empty where all is well, as far as is known. */
  get alarms(): readonly AuditAlarm[] {
    return [...this.#alarms.values()];
  }

  start(): this {
    const { pollMs = DEFAULT_POLL_MS } = this.#options;
    this.#isStarted = true;
    const turn = () => {
      this.#running = this.#turn().finally(() => {
        if (!this.#isStopped) this.#timer = setTimeout(turn, pollMs).unref();
      });
    };
    this.#timer = setTimeout(turn, 0).unref();
    return this;
  }

  /** Resolves once what was under way is done; what was committed until then has its place, and is signed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    if (!this.#isStarted) return;
    this.#signedAtMs = Number.NEGATIVE_INFINITY;
    await this.#turn();
  }

  /** One look at all tenants: what is committed gets its place. */
  async #turn(): Promise<void> {
    const { pool, checkpointMs = DEFAULT_CHECKPOINT_MS } = this.#options;
    let problem: string | undefined;
    try {
      for (const tenantId of await tenantsWithPending(pool))
        problem = (await this.#for(tenantId, () => this.#place(tenantId))) ?? problem;
      const nowMs = performance.now();
      const isDue = nowMs - this.#signedAtMs >= checkpointMs;
      if (isDue) {
        for (const { tenantId } of await tenantsToSign(pool))
          problem = (await this.#for(tenantId, () => this.#sign(tenantId))) ?? problem;
        this.#signedAtMs = nowMs;
      }
      if (problem === undefined) this.#placing.worked();
      else this.#placing.failed(problem);
    } catch (error) {
      this.#placing.failed((error as Error).message);
    }
  }

  async #place(tenantId: string): Promise<void> {
    const { pool, checkpointRecords = MAX_STEP_RECORDS } = this.#options;
    for (;;) {
      const step = await integrate(pool, tenantId);
      if (step === undefined || step.added === 0) return;
      const signed = await signedSize(pool, tenantId);
      if (step.size - signed >= checkpointRecords) await this.#sign(tenantId);
      if (step.added < MAX_STEP_RECORDS) return;
    }
  }

  /** No place that takes checkpoints keeps no record from its place in the tree. */
  async #sign(tenantId: string): Promise<void> {
    try {
      if (await this.#options.checkpointer.checkpoint(tenantId)) this.#signing.worked();
    } catch (error) {
      if (isBroken(error) || isDatabaseUnavailable(error)) throw error;
      this.#signing.failed((error as Error).message);
    }
  }

  /**
   * One tenant's trouble, a broken tree or a record that gets no place, is no other tenant's.
   * @returns what is wrong with it but for its tree, which has an alarm
   * @throws where the database is away
   */
  async #for(tenantId: string, work: () => Promise<unknown>): Promise<string | undefined> {
    const { logger } = this.#options;
    try {
      await work();
      if (this.#alarms.delete(tenantId)) logger.info(`audit: the tree of tenant ${tenantId} goes on`);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      if (!isBroken(error)) return `tenant ${tenantId}: ${(error as Error).message}`;
      if (this.#alarms.get(tenantId)?.message === error.message) return undefined;
      this.#alarms.set(tenantId, { tenantId, message: error.message, since: new Date() });
      logger.error(`audit: the tree of tenant ${tenantId} is not what was signed: ${error.message}`);
    }
    return undefined;
  }
}

const isBroken = (error: unknown): error is TreeBroken | CheckpointFork =>
  error instanceof TreeBroken || error instanceof CheckpointFork;
