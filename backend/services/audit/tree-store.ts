// The tree of each tenant in PostgreSQL: committed records become leaves, nodes are read for proofs.
// Tests: test/integration/audit-tree.test.ts, test/faults/audit-faults.test.ts
import type { Pool, PoolClient } from "pg";
import {
  consistencyPath,
  foldHashes,
  inclusionPath,
  type LeafRange,
  leafHash,
  type Subtree,
  subtreesOf,
  TreeEdge,
  type TreeNode,
} from "./merkle.js";

type Queryable = Pick<PoolClient, "query">;

export interface Integration {
  /** Leaves that were added. */
  readonly added: number;
  /** Of the tree now. */
  readonly size: number;
}

/** The tree is not what it was: nothing is added to it until somebody has looked. */
export class TreeBroken extends Error {
  override readonly name = "TreeBroken";
}

/** Records of one step. Also what a process that is killed meanwhile has to do again. */
export const MAX_STEP_RECORDS = 1000;

/**
 * Makes leaves of records that are committed, in the order of their numbers: one step, one transaction. Writers wait for nobody:
 * a transaction that is still open is not seen, and its records come with a later step.
 *
 * Of several processes one does it at a time, by a lock of the transaction. Where two think that they have it, the primary key of the
 * leaves lets one commit, and the other's step has never been.
 *
 * @param publishedSize leaves of the last checkpoint that was published elsewhere: fewer cannot be
 * @returns `undefined` where another process is at it
 * @throws TreeBroken where leaves or nodes are missing
 */
export async function integrate(
  pool: Pool,
  tenantId: string,
  {
    publishedSize = 0,
    takeLock = true,
  }: { readonly publishedSize?: number; readonly takeLock?: boolean } = {},
): Promise<Integration | undefined> {
  return await inTransaction(pool, async (client) => {
    if (takeLock && !(await tryLock(client, "tree", tenantId))) return undefined;
    // Before the size: without the lock another process may add records and sign them between the two looks.
    const signed = await signedSize(client, tenantId);
    const size = await treeSize(client, tenantId);
    requireSize(size, Math.max(publishedSize, signed));
    const { rows } = await client.query<{ id: string; content: string }>(
      `DELETE FROM audit_pending WHERE tenant_id = $1
         AND id IN (SELECT id FROM audit_pending WHERE tenant_id = $1 ORDER BY id LIMIT $2) RETURNING id, content`,
      [tenantId, MAX_STEP_RECORDS],
    );
    if (rows.length === 0) return { added: 0, size };
    const contents = rows
      .sort((one, other) => Number(BigInt(one.id) - BigInt(other.id)))
      .map(({ content }) => content);
    const edge = await edgeOf(client, tenantId, size);
    const nodes = contents.flatMap((content) => edge.append(leafHash(content)));
    await client.query(
      `INSERT INTO audit_records (tenant_id, leaf_index, content)
         SELECT $1, $2 + n - 1, content FROM unnest($3::text[]) WITH ORDINALITY AS t (content, n)`,
      [tenantId, size, contents],
    );
    await insertNodes(client, tenantId, nodes);
    return { added: contents.length, size: edge.size };
  });
}

function requireSize(size: number, published: number): void {
  if (size >= published) return;
  throw new TreeBroken(
    `the tree has ${size} records, and a checkpoint over ${published} was published: records are missing from index ${size} on`,
  );
}

async function insertNodes(client: Queryable, tenantId: string, nodes: readonly TreeNode[]): Promise<void> {
  await client.query(
    `INSERT INTO audit_nodes (tenant_id, level, position, hash)
       SELECT $1, level, position, hash FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS t (level, position, hash)`,
    [
      tenantId,
      nodes.map(({ level }) => level),
      nodes.map(({ position }) => position),
      nodes.map(({ hash }) => hash),
    ],
  );
}

/** Tenants that have records without a place. */
export const tenantsWithPending = (pool: Queryable): Promise<string[]> => tenantsIn(pool, "audit_pending");

/** Tenants whose tree has grown since the last checkpoint, with how many records it lacks. */
export async function tenantsToSign(
  pool: Queryable,
): Promise<{ readonly tenantId: string; readonly unsigned: number }[]> {
  const tenants = await tenantsIn(pool, "audit_records");
  const { rows } = await pool.query<{ tenant_id: string; unsigned: string }>(
    `SELECT t.tenant_id, size - signed AS unsigned FROM unnest($1::uuid[]) AS t (tenant_id)
       CROSS JOIN LATERAL (SELECT max(leaf_index) + 1 AS size FROM audit_records r WHERE r.tenant_id = t.tenant_id) AS tree
       CROSS JOIN LATERAL (SELECT coalesce(max(tree_size), 0) AS signed FROM audit_checkpoints c WHERE c.tenant_id = t.tenant_id) AS last
       WHERE size <> signed`,
    [tenants],
  );
  return rows.map(({ tenant_id, unsigned }) => ({ tenantId: tenant_id, unsigned: Number(unsigned) }));
}

/** One index probe for each tenant, however many rows it has. */
async function tenantsIn(pool: Queryable, table: "audit_pending" | "audit_records"): Promise<string[]> {
  const { rows } = await pool.query<{ tenant_id: string }>(
    `WITH RECURSIVE t AS (
       (SELECT tenant_id FROM ${table} ORDER BY tenant_id LIMIT 1)
       UNION ALL
       SELECT (SELECT p.tenant_id FROM ${table} p WHERE p.tenant_id > t.tenant_id ORDER BY p.tenant_id LIMIT 1)
       FROM t WHERE t.tenant_id IS NOT NULL
     ) SELECT tenant_id FROM t WHERE tenant_id IS NOT NULL`,
  );
  return rows.map(({ tenant_id }) => tenant_id);
}

/** Leaves of the tenant's tree. */
export async function treeSize(client: Queryable, tenantId: string): Promise<number> {
  const { rows } = await client.query<{ size: string }>(
    "SELECT coalesce(max(leaf_index) + 1, 0) AS size FROM audit_records WHERE tenant_id = $1",
    [tenantId],
  );
  return Number(rows[0]?.size ?? 0);
}

/** Leaves of the largest checkpoint. */
export async function signedSize(client: Queryable, tenantId: string): Promise<number> {
  const { rows } = await client.query<{ size: string }>(
    "SELECT coalesce(max(tree_size), 0) AS size FROM audit_checkpoints WHERE tenant_id = $1",
    [tenantId],
  );
  return Number(rows[0]?.size ?? 0);
}

/** @throws TreeBroken where nodes are missing */
export async function edgeOf(client: Queryable, tenantId: string, size: number): Promise<TreeEdge> {
  return new TreeEdge(size, await nodeHashes(client, tenantId, subtreesOf({ from: 0, to: size })));
}

/** The root of the tree when it had this size. @throws TreeBroken where nodes are missing */
export async function rootAt(client: Queryable, tenantId: string, size: number): Promise<Buffer> {
  return foldHashes(await nodeHashes(client, tenantId, subtreesOf({ from: 0, to: size })));
}

/** Proves that a record is in the tree of a size. At most 32 bytes for each doubling of the tree. */
export async function inclusionProof(
  client: Queryable,
  tenantId: string,
  index: number,
  size: number,
): Promise<Buffer[]> {
  return await rangeHashes(client, tenantId, inclusionPath(index, size));
}

/** Proves that the tree of `size` begins with that of `oldSize`. */
export async function consistencyProof(
  client: Queryable,
  tenantId: string,
  oldSize: number,
  size: number,
): Promise<Buffer[]> {
  return await rangeHashes(client, tenantId, consistencyPath(oldSize, size));
}

/** All nodes in one query. */
async function rangeHashes(
  client: Queryable,
  tenantId: string,
  ranges: readonly LeafRange[],
): Promise<Buffer[]> {
  const parts = ranges.map(subtreesOf);
  const hashes = await nodeHashes(client, tenantId, parts.flat());
  let at = 0;
  return parts.map((subtrees) => {
    at += subtrees.length;
    return foldHashes(hashes.slice(at - subtrees.length, at));
  });
}

/** In the order asked. @throws TreeBroken where one is missing */
export async function nodeHashes(
  client: Queryable,
  tenantId: string,
  subtrees: readonly Subtree[],
): Promise<Buffer[]> {
  if (subtrees.length === 0) return [];
  const { rows } = await client.query<{ hash: Buffer }>(
    `SELECT hash FROM unnest($2::smallint[], $3::bigint[]) WITH ORDINALITY AS t (level, position, n)
       JOIN audit_nodes USING (level, position) WHERE tenant_id = $1 ORDER BY n`,
    [tenantId, subtrees.map(({ level }) => level), subtrees.map(({ position }) => position)],
  );
  if (rows.length === subtrees.length) return rows.map(({ hash }) => hash);
  throw new TreeBroken(`${subtrees.length - rows.length} nodes of the tree are missing`);
}

/** The lock ends with the transaction. `false` where somebody else has it. */
export async function tryLock(client: Queryable, what: string, tenantId: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked",
    [`audit ${what} ${tenantId}`],
  );
  return rows[0]?.locked === true;
}

/** As the tables' owner, over all tenants. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
