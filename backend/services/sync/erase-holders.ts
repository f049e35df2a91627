// What synchronisation holds about a subject, as an erasure and an export ask it: the copy, events, changes on their way, and the CRM itself.
// Tests: test/integration/sync-erasure.test.ts
import type { EraseHolder, Holding } from "../subjects/erase-holder.js";
import type { ClientData } from "./connector.js";
import { enqueueErasure, type SealedChange, type Theirs } from "./outbox.js";
import { erasedBySource } from "./source-erasures.js";
import { inTenant, type Link, SEALED, type SyncContext } from "./sync-context.js";

export interface Links {
  /** The connection that a subject's client is behind, by its id "hubspot:123". */
  ofSubject(tenantId: string, subjectId: string): { readonly link: Link; readonly crmId: string } | undefined;
}

const ACTOR = { id: "system", role: "system" };

/** The last one tells the CRM: where the queue is dropped after it, an erasure that was ordered is not. */
export function eraseHolders(
  context: SyncContext,
  links: Links,
  crmSystems: readonly string[],
): EraseHolder[] {
  return [
    tableHolder(context, links, {
      name: "synchronised clients",
      what: "copies of clients of the CRM",
      table: "sync_clients",
      drop: "DELETE FROM sync_clients WHERE connection_id = $1 AND subject = $2",
      exported: { column: "data", context: SEALED.copy },
    }),
    tableHolder(context, links, {
      name: "sync events",
      what: "events of the CRM",
      table: "sync_events",
      drop: "DELETE FROM sync_events WHERE connection_id = $1 AND subject = $2",
    }),
    tableHolder(context, links, {
      name: "outbox",
      what: "changes for the CRM",
      table: "sync_outbox",
      open: "kind = 'update' AND sealed IS NOT NULL",
      drop: `UPDATE sync_outbox SET sealed = NULL, theirs = NULL, ended_at = now(), problem = 'the subject was erased',
          status = CASE status WHEN 'done' THEN status ELSE 'dropped' END
        WHERE connection_id = $1 AND subject = $2 AND kind = 'update'`,
      exported: { column: "sealed", context: SEALED.change },
    }),
    ...crmSystems.map((crmSystem) => sourceHolder(context, links, crmSystem)),
  ];
}

interface TableHolder {
  readonly name: string;
  readonly what: string;
  readonly table: string;
  /** Which rows count. Default: all. */
  readonly open?: string;
  readonly drop: string;
  readonly exported?: { readonly column: string; readonly context: string };
}

function tableHolder(context: SyncContext, links: Links, options: TableHolder): EraseHolder {
  const { name, what, table, open = "true", drop, exported } = options;
  const found = async (tenantId: string, subjectId: string) => {
    const known = links.ofSubject(tenantId, subjectId);
    return known && { link: known.link, subject: await context.vault.pseudonym(tenantId, subjectId) };
  };
  return {
    name,
    holds: async (tenantId, subjectId): Promise<Holding[]> => {
      const known = await found(tenantId, subjectId);
      if (!known) return [];
      const count = await inTenant(context, known.link, async (client) => {
        const sql = `SELECT count(*)::integer AS count FROM ${table} WHERE connection_id = $1 AND subject = $2 AND ${open}`;
        return (
          (await client.query<{ count: number }>(sql, [known.link.connection.id, known.subject])).rows[0]
            ?.count ?? 0
        );
      });
      return count === 0 ? [] : [{ what, where: `PostgreSQL, ${table}`, count }];
    },
    erase: async (tenantId, subjectId) => {
      const known = await found(tenantId, subjectId);
      if (!known) return;
      await inTenant(context, known.link, (client) =>
        client.query(drop, [known.link.connection.id, known.subject]),
      );
    },
    export: async (tenantId, subjectId) => {
      const known = await found(tenantId, subjectId);
      if (!known || !exported) return [];
      const rows = await inTenant(context, known.link, async (client) => {
        const sql = `SELECT ${exported.column} AS sealed FROM ${table} WHERE connection_id = $1 AND subject = $2 AND ${exported.column} IS NOT NULL`;
        return (await client.query<{ sealed: Buffer }>(sql, [known.link.connection.id, known.subject])).rows;
      });
      const opened = await Promise.all(
        rows.map(({ sealed }) => context.vault.open(tenantId, exported.context, sealed)),
      );
      return (opened as (ClientData | SealedChange | Theirs | undefined)[]).filter(
        (each) => each !== undefined,
      );
    },
  };
}

/** The CRM's own record: ordered durably, and done behind the erasure, by the CRM's way. */
function sourceHolder(context: SyncContext, links: Links, crmSystem: string): EraseHolder {
  const found = (tenantId: string, subjectId: string) => {
    const known = links.ofSubject(tenantId, subjectId);
    return known?.link.connection.crm === crmSystem && known.link.connection.erase ? known : undefined;
  };
  return {
    name: crmSystem,
    holds: async (tenantId, subjectId) => {
      const known = found(tenantId, subjectId);
      if (!known) return [];
      return [{ what: "the client's record, as far as it is there", where: crmSystem, count: 1 }];
    },
    erase: async (tenantId, subjectId, reason) => {
      const known = found(tenantId, subjectId);
      // Who has erased first is not told.
      if (!known || reason === erasedBySource(crmSystem)) return;
      await enqueueErasure(context, known.link, known.crmId, ACTOR);
    },
    // The copy has been exported: what the CRM has beyond it is asked of the CRM.
    export: async () => [],
  };
}
