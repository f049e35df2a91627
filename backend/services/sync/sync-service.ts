// Synchronisation as a whole: the connections of the configuration, the loops that work on them, and what the other services call.
// Tests: test/integration/sync-inbound.test.ts, test/integration/sync-reads.test.ts
import { setTimeout as delay } from "node:timers/promises";
import type { TenantCache } from "express-tenant-cache";
import type { Pool, PoolClient } from "pg";
import type { Logger } from "pino";
import type { CrmConnection } from "../../config/crm-connections.js";
import { Outage } from "../../outage.js";
import type { Actor } from "../audit/audit-event.js";
import type { AuditTrail } from "../audit/audit-trail.js";
import type { SubjectVault } from "../subjects/subject-vault.js";
import { workRound } from "./client-worker.js";
import type { ClientData } from "./connector.js";
import { eraseHolders } from "./erase-holders.js";
import { HubspotConnector } from "./hubspot/hubspot-connector.js";
import { enqueueChange, type PreparedChange, prepareChange } from "./outbox.js";
import { type ClientState, clientState, type ReadClient, readClient } from "./read-client.js";
import { SalesforceConnector } from "./salesforce/salesforce-connector.js";
import { replayRound } from "./source-replay.js";
import {
  type ClientChanged,
  DEFAULT_LIMITS,
  inTenant,
  type Link,
  type SyncContext,
  type SyncLimits,
} from "./sync-context.js";
import { type ConnectionOverview, connectionOverview } from "./sync-overview.js";
import { TokenKeeper } from "./token-keeper.js";

export interface SyncServiceOptions {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "manager">;
  readonly vault: SubjectVault;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly connections: readonly CrmConnection[];
  readonly limits?: Partial<SyncLimits>;
  /** How often the streams of the sources are read. Default 15,000 milliseconds. */
  readonly replayEveryMs?: number;
}

/** Without a sign that there is something to do, each connection is looked at this often. */
const LOOK_EVERY_MS = 1000;
const CLEAN_EVERY_MS = 600_000;
/** Longer than the 72 hours that Salesforce repeats events for. */
const EVENTS_KEPT_DAYS = 4;
const CHANGES_KEPT_DAYS = 30;

export class SyncService {
  readonly links: readonly Link[];
  readonly context: SyncContext;
  readonly #listeners: ClientChanged[] = [];
  readonly #stopped = new AbortController();
  readonly #replayEveryMs: number;
  #woken = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(options: SyncServiceOptions) {
    const { pool, cache, vault, audit, logger, connections } = options;
    this.#replayEveryMs = options.replayEveryMs ?? 15_000;
    this.links = connections.map((connection) => {
      const tokens = new TokenKeeper({ pool, vault, audit, manager: cache.manager, connection });
      const connector =
        connection.crm === "hubspot"
          ? new HubspotConnector(connection, tokens)
          : new SalesforceConnector(connection, tokens);
      return { connection, connector };
    });
    this.context = {
      pool,
      vault,
      audit,
      logger,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      clientChanged: async (...about) => {
        for (const listener of this.#listeners) await listener(...about);
      },
      wake: () => this.#woken.abort(),
    };
    const systems = [...new Set(connections.map(({ crm }) => crm))];
    for (const holder of eraseHolders(this.context, { ofSubject: this.#ofSubject }, systems))
      vault.onErase(holder);
  }

  /** For whoever keeps copies of clients: see {@link ClientChanged}. */
  onClientChanged(listener: ClientChanged): void {
    this.#listeners.push(listener);
  }

  link(tenantId: string, crmSystem: string): Link | undefined {
    return this.links.find(
      ({ connection }) => connection.tenant === tenantId && connection.crm === crmSystem,
    );
  }

  linkById(connectionId: string): Link | undefined {
    return this.links.find(({ connection }) => connection.id === connectionId);
  }

  /** The overlay's `ClientSources`. `"none"` where the tenant has no connection to this CRM. @throws as {@link readClient} */
  async read(
    tenantId: string,
    crmSystem: string,
    crmId: string,
    signal: AbortSignal,
  ): Promise<ReadClient | undefined | "none"> {
    const link = this.link(tenantId, crmSystem);
    return link ? readClient(this.context, link, crmId, signal) : "none";
  }

  async state(tenantId: string, crmSystem: string, crmId: string): Promise<ClientState | undefined> {
    const link = this.link(tenantId, crmSystem);
    return link && clientState(this.context, link, crmId);
  }

  /** For whoever watches and shows: how many things wait for somebody, and how each connection stands. */
  async figures(tenantId: string): Promise<{ failures: number; connections: readonly ConnectionOverview[] }> {
    const links = this.links.filter(({ connection }) => connection.tenant === tenantId);
    const connections = await Promise.all(links.map((link) => connectionOverview(this.context, link)));
    const failures = connections.map(
      ({ dead_letters, clients, needs_reconnect }) =>
        dead_letters + clients.conflict + (needs_reconnect ? 1 : 0),
    );
    return { failures: failures.reduce((sum, each) => sum + each, 0), connections };
  }

  /**
   * A change of a client that is to go to its CRM: prepared before the transaction of the change, committed with it by {@link enqueue}.
   * `undefined` where the tenant has no connection to this CRM.
   * @throws ChangeRefused
   */
  async prepare(
    tenantId: string,
    crmSystem: string,
    crmId: string,
    change: ClientData,
  ): Promise<PreparedChange | undefined> {
    const link = this.link(tenantId, crmSystem);
    return link && prepareChange(this.context, link, crmId, change);
  }

  /** @param client in a transaction of the tenant @returns the change's id @throws SyncBacklogFull */
  enqueue(client: PoolClient, actor: Actor, prepared: PreparedChange): Promise<string> {
    return enqueueChange(this.context, client, actor, prepared);
  }

  /** Once the transaction of a change is committed: it may go. */
  async changed(tenantId: string, crmSystem: string, crmId: string): Promise<void> {
    this.context.wake();
    await this.context.clientChanged(tenantId, crmSystem, crmId, "syncing", "a change is on its way there");
  }

  /** Works until {@link close}. */
  start(): this {
    for (const link of this.links) {
      this.#loops.push(this.#loop(link, "clients", LOOK_EVERY_MS, (signal) => this.#workAll(link, signal)));
      this.#loops.push(
        this.#loop(link, "changes", this.#replayEveryMs, (signal) => replayRound(this.context, link, signal)),
      );
      this.#loops.push(this.#loop(link, "clean-up", CLEAN_EVERY_MS, () => this.cleanUp(link)));
    }
    return this;
  }

  /** What is under way ends; leases that are left are taken over by others. */
  async close(): Promise<void> {
    this.#stopped.abort(new Error("this process stops"));
    await Promise.allSettled(this.#loops);
    this.#loops = [];
  }

  /** Copies whose time is over, and events and changes that are done and need not be told from new ones any more. */
  async cleanUp(link: Link): Promise<void> {
    const { id } = link.connection;
    await inTenant(this.context, link, async (client) => {
      await client.query(
        "UPDATE sync_clients SET data = NULL WHERE connection_id = $1 AND data IS NOT NULL AND read_at < now() - make_interval(secs => $2)",
        [id, this.context.limits.copySeconds],
      );
      await client.query(
        "DELETE FROM sync_events WHERE connection_id = $1 AND status = 'done' AND received_at < now() - make_interval(days => $2)",
        [id, EVENTS_KEPT_DAYS],
      );
      // Taken while their client was erased.
      await client.query(
        `DELETE FROM sync_events e WHERE connection_id = $1 AND status <> 'done' AND subject IS NOT NULL
           AND NOT EXISTS (SELECT FROM sync_clients c WHERE c.connection_id = e.connection_id AND c.subject = e.subject)`,
        [id],
      );
      await client.query(
        "DELETE FROM sync_outbox WHERE connection_id = $1 AND ended_at < now() - make_interval(days => $2)",
        [id, CHANGES_KEPT_DAYS],
      );
    });
  }

  async #workAll(link: Link, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await workRound(this.context, link, signal)) > 0);
  }

  async #loop(
    { connection }: Link,
    what: string,
    everyMs: number,
    round: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const { signal } = this.#stopped;
    const name = `sync of ${connection.crm} (${connection.id}), ${what}`;
    const outage = new Outage({
      began: (reason) => this.context.logger.error(`${name}: does not go on (${reason})`),
      ended: (seconds) => this.context.logger.info(`${name}: goes on after ${seconds} s`),
    });
    while (!signal.aborted) {
      try {
        await round(signal);
        outage.worked();
      } catch (error) {
        // The database is away, or the tenant is suspended: what was under way is taken up again.
        if (!signal.aborted) outage.failed(error instanceof Error ? error.message : String(error));
      }
      await this.#pause(
        what === "clients" ? everyMs : everyMs * (0.9 + Math.random() / 5),
        what === "clients",
      );
    }
  }

  async #pause(ms: number, isWakeable: boolean): Promise<void> {
    const woken = isWakeable ? [this.#woken.signal] : [];
    const signal = AbortSignal.any([this.#stopped.signal, ...woken]);
    await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
    if (isWakeable && this.#woken.signal.aborted) this.#woken = new AbortController();
  }

  readonly #ofSubject = (tenantId: string, subjectId: string) => {
    const colon = subjectId.indexOf(":");
    const link = this.link(tenantId, subjectId.slice(0, Math.max(0, colon)));
    return link && { link, crmId: subjectId.slice(colon + 1) };
  };
}
