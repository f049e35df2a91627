// What a verification reads of a tenant's tree: rows as they are in the tables, in batches.
// Tests: test/integration/audit-integrity.test.ts
import type { Pool } from "pg";
import type { TreeNode } from "./merkle.js";
import { treeSize } from "./tree-store.js";

export interface StoredRecord {
  readonly index: number;
  /** `null` where it was pruned. */
  readonly content: string | null;
  /** The record that says so. */
  readonly prunedBy: string | null;
}

export interface IntegrityBatch {
  /** In ascending order; what is missing was dropped. */
  readonly records: readonly StoredRecord[];
  /** Nodes that the leaves of the batch complete. */
  readonly nodes: readonly TreeNode[];
  /** The database's copies of checkpoints whose size is above `from`, up to `to`. */
  readonly checkpoints: readonly { readonly size: number; readonly note: string }[];
}

export interface IntegritySource {
  /** One above the last index. */
  size(): Promise<number>;
  batch(from: number, to: number): Promise<IntegrityBatch>;
  /** The content of a record by its id. */
  recordById(id: string): Promise<string | undefined>;
}

/** Levels that a tree with indexes below 2^53 has. */
const LEVELS = Array.from({ length: 53 }, (_, level) => level);

export function integritySource(pool: Pick<Pool, "query">, tenantId: string): IntegritySource {
  return {
    size: () => treeSize(pool, tenantId),
    batch: async (from, to) => {
      const [records, nodes, checkpoints] = await Promise.all([
        pool.query<{ leaf_index: string; content: string | null; pruned_by: string | null }>(
          `SELECT leaf_index, content, pruned_by FROM audit_records
             WHERE tenant_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index`,
          [tenantId, from, to],
        ),
        // A node of level l is complete with the leaf (position + 1) * 2^l - 1.
        pool.query<{ level: number; position: string; hash: Buffer }>(
          `SELECT n.level, n.position, n.hash FROM unnest($4::smallint[]) AS l (level)
             JOIN audit_nodes n ON n.tenant_id = $1 AND n.level = l.level
               AND n.position >= ($2::bigint >> l.level) AND n.position < ($3::bigint >> l.level)`,
          [tenantId, from, to, LEVELS],
        ),
        pool.query<{ tree_size: string; note: string }>(
          `SELECT tree_size, note FROM audit_checkpoints
             WHERE tenant_id = $1 AND tree_size > $2 AND tree_size <= $3 ORDER BY tree_size`,
          [tenantId, from, to],
        ),
      ]);
      return {
        records: records.rows.map(({ leaf_index, content, pruned_by }) => ({
          index: Number(leaf_index),
          content,
          prunedBy: pruned_by,
        })),
        nodes: nodes.rows.map(({ level, position, hash }) => ({ level, position: Number(position), hash })),
        checkpoints: checkpoints.rows.map(({ tree_size, note }) => ({ size: Number(tree_size), note })),
      };
    },
    recordById: async (id) => {
      const { rows } = await pool.query<{ content: string }>(
        `SELECT content FROM audit_records WHERE tenant_id = $1 AND record_id = $2
           UNION ALL SELECT content FROM audit_pending WHERE tenant_id = $1 AND content::jsonb ->> 'id' = $3 LIMIT 1`,
        [tenantId, id, id],
      );
      return rows[0]?.content;
    },
  };
}
