// Writes that no API sees: each of a kind that a feed must notice, and each shows as a version of a tenant's module.
import type pg from "pg";
import { pick, type Random } from "./random.js";

export const TABLES = {
  items: { module: "items", tenant: "tenant_id" },
  parts: { module: "parts", tenant: "tenant_id" },
} as const;

/** What each list shows. */
export const MODULES = {
  items: "SELECT coalesce(max(greatest(version, source)), 0) AS version FROM items WHERE tenant_id = $1",
  parts: "SELECT coalesce(max(version), 0) AS version FROM parts WHERE tenant_id = $1",
} as const;

export type ModuleName = keyof typeof MODULES;

export const SCHEMA = `
CREATE TABLE sources (tenant_id text PRIMARY KEY, id int NOT NULL UNIQUE);
CREATE TABLE items (id int PRIMARY KEY, tenant_id text NOT NULL, version int NOT NULL,
  source int NOT NULL REFERENCES sources (id) ON UPDATE CASCADE);
CREATE TABLE parts (id int NOT NULL, tenant_id text NOT NULL, version int NOT NULL) PARTITION BY LIST (id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE FUNCTION set_item(tenant text, v int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN UPDATE items SET version = v WHERE tenant_id = tenant; END $$;
`;

/** Sources are numbers of their own: no two tenants may have the same. */
const SOURCE_FACTOR = 1000;

/** @param tenants by their numbers */
export function seedSql(tenants: readonly string[]): string {
  return tenants
    .map(
      (tenant, n) => `
INSERT INTO sources VALUES ('${tenant}', ${-1 - n});
INSERT INTO items VALUES (${n}, '${tenant}', 0, ${-1 - n});
INSERT INTO parts VALUES (${n % 2}, '${tenant}', 0);`,
    )
    .join("");
}

interface Write {
  readonly tenant: string;
  readonly v: number;
  /** Waits while a transaction is open. */
  readonly pause: () => Promise<void>;
}

type Kind = (client: pg.PoolClient, write: Write) => Promise<void>;

async function inTransaction(
  client: pg.PoolClient,
  work: () => Promise<unknown>,
  end = "COMMIT",
): Promise<void> {
  await client.query("BEGIN");
  await work();
  await client.query(end);
}

const KINDS: Readonly<Record<ModuleName, Readonly<Record<string, Kind>>>> = {
  items: {
    update: async (client, { tenant, v }) =>
      void (await client.query("UPDATE items SET version = $2 WHERE tenant_id = $1", [tenant, v])),
    upsert: async (client, { tenant, v }) =>
      void (await client.query(
        "INSERT INTO items SELECT id, tenant_id, $2, source FROM items WHERE tenant_id = $1 ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        [tenant, v],
      )),
    merge: async (client, { tenant, v }) =>
      void (await client.query(
        "MERGE INTO items USING (SELECT $1::text AS tenant, $2::int AS v) AS new ON tenant_id = tenant WHEN MATCHED THEN UPDATE SET version = v",
        [tenant, v],
      )),
    function: async (client, { tenant, v }) =>
      void (await client.query("SELECT set_item($1, $2)", [tenant, v])),
    "long transaction": (client, { tenant, v, pause }) =>
      inTransaction(client, async () => {
        await client.query("UPDATE items SET version = $2 WHERE tenant_id = $1", [tenant, v]);
        await pause();
      }),
    savepoint: (client, { tenant, v }) =>
      inTransaction(client, async () => {
        await client.query("SAVEPOINT a");
        await client.query("UPDATE items SET version = $2 WHERE tenant_id = $1", [tenant, v]);
        await client.query("ROLLBACK TO a");
        await client.query("UPDATE items SET version = $2 WHERE tenant_id = $1", [tenant, v]);
      }),
    prepared: async (client, { tenant, v, pause }) => {
      const name = `w_${tenant}_${v}`;
      const work = () => client.query("UPDATE items SET version = $2 WHERE tenant_id = $1", [tenant, v]);
      await inTransaction(client, work, `PREPARE TRANSACTION '${name}'`);
      await pause();
      await client.query(`COMMIT PREPARED '${name}'`);
    },
    // The table that is named is not declared.
    cascade: async (client, { tenant, v }) =>
      void (await client.query("UPDATE sources SET id = $2 WHERE tenant_id = $1", [tenant, v])),
  },
  parts: {
    "partition by its name": async (client, { tenant, v }) => {
      for (const part of ["parts_0", "parts_1"])
        await client.query(`UPDATE ${part} SET version = $2 WHERE tenant_id = $1`, [tenant, v]);
    },
    "to another partition": async (client, { tenant, v }) =>
      void (await client.query("UPDATE parts SET id = 1 - id, version = $2 WHERE tenant_id = $1", [
        tenant,
        v,
      ])),
    "delete and insert": (client, { tenant, v }) =>
      inTransaction(client, async () => {
        await client.query("DELETE FROM parts WHERE tenant_id = $1", [tenant]);
        await client.query("INSERT INTO parts VALUES (0, $1, $2)", [tenant, v]);
      }),
    copy: (client, { tenant, v }) =>
      inTransaction(client, async () => {
        await client.query("DELETE FROM parts WHERE tenant_id = $1", [tenant]);
        await client.query(`COPY parts FROM PROGRAM 'printf "1\\t${tenant}\\t${v}\\n"'`);
      }),
    "replica role": (client, { tenant, v }) =>
      inTransaction(client, async () => {
        await client.query("SET LOCAL session_replication_role = replica");
        await client.query("UPDATE parts SET version = $2 WHERE tenant_id = $1", [tenant, v]);
      }),
  },
};

/** What a list shows of versions: a cascade's are numbers of sources. */
export function versionOf(shown: number): number {
  return shown >= SOURCE_FACTOR ? Math.floor(shown / SOURCE_FACTOR) : 0;
}

/** Commits a version by a kind of write that chance picks. @returns the kind */
export async function writeVersion(
  client: pg.PoolClient,
  module: ModuleName,
  write: Write,
  random: Random,
): Promise<string> {
  const kinds = KINDS[module];
  const name = pick(random, Object.keys(kinds));
  // All kinds write numbers of one order, so that the largest is the latest.
  const number = Number(/\d+$/.exec(write.tenant)?.[0]);
  await kinds[name]?.(client, { ...write, v: write.v * SOURCE_FACTOR + number });
  return name;
}
