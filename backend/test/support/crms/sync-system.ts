// Synchronisation with a local CRM: a real database, real keys and trail, and as many processes as a test asks for.
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import type {
  CrmConnection,
  HubspotConnection,
  SalesforceConnection,
} from "../../../config/crm-connections.js";
import { withTenant } from "../../../db/tenant-transaction.js";
import type { SubjectVault } from "../../../services/subjects/subject-vault.js";
import { workRound } from "../../../services/sync/client-worker.js";
import type { Connector, SourceEvent } from "../../../services/sync/connector.js";
import type { AccessTokens } from "../../../services/sync/crm-http.js";
import { type Taken, takeEvents } from "../../../services/sync/inbox.js";
import { replayRound } from "../../../services/sync/source-replay.js";
import type { Link, SyncLimits } from "../../../services/sync/sync-context.js";
import { SyncService } from "../../../services/sync/sync-service.js";
import { openCache, type StoreName } from "../caches.js";
import { type SubjectDatabase, startSubjectDatabase, TENANT } from "../subject-database.js";
import { CLIENT_ID, CLIENT_SECRET, type CrmServer } from "./crm-server.js";
import { PORTAL } from "./hubspot-messages.js";
import { HubspotServer } from "./hubspot-server.js";
import { SalesforceServer } from "./salesforce-server.js";

const shared = {
  tenant: TENANT,
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  clients: "all",
  erase: true,
} as const;

export function hubspotConnection(
  server: HubspotServer,
  changes: Partial<HubspotConnection> = {},
): HubspotConnection {
  return {
    crm: "hubspot",
    id: randomUUID(),
    ...shared,
    refresh_token: server.refreshToken,
    fields: ["email", "firstname", "phone"],
    portal_id: PORTAL,
    api_url: server.url,
    ...changes,
  };
}

export function salesforceConnection(
  server: SalesforceServer,
  changes: Partial<SalesforceConnection> = {},
): SalesforceConnection {
  return {
    crm: "salesforce",
    id: randomUUID(),
    ...shared,
    refresh_token: server.refreshToken,
    fields: ["Email", "FirstName", "Phone"],
    login_url: server.url,
    api_version: "66.0",
    object: "Contact",
    ...changes,
  };
}

/** A token for a connector without a database. */
export function accessTo(server: CrmServer, tokenPath: string): AccessTokens {
  let current: string | undefined;
  return {
    refused: () => {
      current = undefined;
    },
    access: async () => {
      if (current === undefined) {
        const body = new URLSearchParams({
          grant_type: "refresh_token",
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
          refresh_token: server.refreshToken,
        });
        const response = await fetch(server.url + tokenPath, { method: "POST", body });
        current = ((await response.json()) as { access_token: string }).access_token;
      }
      return { accessToken: current, baseUrl: server.url };
    },
  };
}

export interface SyncProcess {
  readonly service: SyncService;
  readonly link: Link;
  readonly vault: SubjectVault;
  /** An event about a client comes by webhook; each with another key, unless one is given. */
  take(crmId: string, event?: Partial<SourceEvent>): Promise<Taken>;
  /** Works until nothing is left to do now. */
  work(): Promise<void>;
  /** One round: what fails in it is not tried again, however slow the machine is. */
  round(): Promise<void>;
  replay(): Promise<void>;
}

export interface SyncSystem {
  readonly database: SubjectDatabase;
  readonly connection: CrmConnection;
  /** With memory and connections of its own, over the same database. */
  process(changes?: Partial<CrmConnection>): Promise<SyncProcess>;
  /** Rows, as the tables' owner. */
  // biome-ignore lint/suspicious/noExplicitAny: rows of any query
  sql(statement: string, values?: unknown[]): Promise<any[]>;
  /** A change made here, in a transaction of its own. @returns its id */
  change(process: SyncProcess, crmId: string, change: Record<string, unknown>): Promise<string>;
  /** Waiting times are over, and what dead processes have leased is free: no process may be at work. */
  hurry(): Promise<void>;
  /** Waiting times are over, whoever is at work. */
  due(): Promise<void>;
  /** What this side has of a client: its copy, `null` where it is gone, `undefined` where it is not known. */
  copy(process: SyncProcess, crmId: string): Promise<Record<string, unknown> | null | undefined>;
  status(process: SyncProcess, crmId: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface SyncSystemOptions {
  readonly store?: StoreName;
  readonly limits?: Partial<SyncLimits>;
}

export const ACTOR = { id: "11111111-0000-4000-8000-000000000033", role: "agent" };
const never = new AbortController().signal;

export async function startSyncSystem(
  connection: CrmConnection,
  { store = "memory", limits }: SyncSystemOptions = {},
): Promise<SyncSystem> {
  const database = await startSubjectDatabase();
  const caches: { close(): Promise<void> }[] = [];
  const sql: SyncSystem["sql"] = async (statement, values = []) =>
    (await database.pool.query(statement, values)).rows;
  const subjectOf = (process: SyncProcess, crmId: string) =>
    process.vault.pseudonym(connection.tenant, `${connection.crm}:${crmId}`);
  return {
    database,
    connection,
    sql,
    process: async (changes = {}) => {
      const cache = await openCache(store);
      caches.push(cache);
      const vault = database.vault();
      const service = new SyncService({
        pool: database.pool,
        cache,
        vault,
        audit: database.trail,
        logger: pino({ level: "silent" }),
        connections: [{ ...connection, ...changes } as CrmConnection],
        limits: limits ?? {},
      });
      const [link] = service.links;
      if (!link) throw new Error("no connection");
      return {
        service,
        link,
        vault,
        take: (crmId, event) => {
          const taken: SourceEvent = { key: randomUUID(), kind: "changed", crmId, ...event };
          return takeEvents(service.context, link, [taken], { via: "webhook" });
        },
        work: async () => {
          while ((await workRound(service.context, link, never)) > 0);
        },
        round: async () => {
          await workRound(service.context, link, never);
        },
        replay: async () => {
          await replayRound(service.context, link, never);
        },
      };
    },
    change: async ({ service }, crmId, change) => {
      const prepared = await service.prepare(connection.tenant, connection.crm, crmId, change);
      if (!prepared) throw new Error("no connection");
      return withTenant(database.pool, connection.tenant, (client) =>
        service.enqueue(client, ACTOR, prepared),
      );
    },
    due: async () => {
      for (const table of ["sync_clients", "sync_outbox"]) {
        const waiting = `SELECT ctid FROM ${table} WHERE next_attempt_at > now() FOR UPDATE SKIP LOCKED`;
        await sql(`UPDATE ${table} SET next_attempt_at = now() WHERE ctid IN (${waiting})`);
      }
    },
    hurry: async () => {
      await sql("UPDATE sync_clients SET next_attempt_at = now(), leased_until = NULL");
      await sql("UPDATE sync_outbox SET next_attempt_at = now()");
      await sql(
        "UPDATE sync_connections SET runner_until = NULL, token_claimed_until = NULL, token_claim = NULL",
      );
    },
    copy: async (process, crmId) => {
      const [row] = await sql("SELECT data, is_gone FROM sync_clients WHERE subject = $1", [
        await subjectOf(process, crmId),
      ]);
      if (!row) return undefined;
      if (row.is_gone || row.data === null) return null;
      return (await process.vault.open(connection.tenant, "sync:copy", row.data)) as Record<string, unknown>;
    },
    status: async (process, crmId) => {
      const [row] = await sql("SELECT status FROM sync_clients WHERE subject = $1", [
        await subjectOf(process, crmId),
      ]);
      return row?.status;
    },
    close: async () => {
      for (const cache of caches) await cache.close();
      await database.close();
    },
  };
}

/** A HubSpot, and one process that is connected to it. Closing the system closes the server, too. */
export async function startHubspotSystem(options?: SyncSystemOptions) {
  const server = await startHubspot();
  const started = await startSyncSystem(hubspotConnection(server), options);
  const close = async () => {
    await started.close();
    await server.close();
  };
  const system: SyncSystem = { ...started, close };
  return { server, system, one: await system.process() };
}

/** What a stream of a CRM brings by now. */
export async function collected(events: AsyncIterable<SourceEvent>): Promise<SourceEvent[]> {
  const found: SourceEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** All pages of a CRM's list. */
export async function listed(connector: Pick<Connector, "listClients">): Promise<string[]> {
  const found: string[] = [];
  let page: string | undefined;
  do {
    const { clients, next } = await connector.listClients(page, never);
    found.push(...clients.map(({ crmId }) => crmId));
    page = next;
  } while (page !== undefined);
  return found;
}

export const startHubspot = () => new HubspotServer().listen();
export const startSalesforce = () => new SalesforceServer().listen();
