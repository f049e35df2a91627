// Bundles: what somebody without the database needs to verify records. Lines of JSON, which docs/crm/audit.md describes.
// Tests: test/faults/audit-command.test.ts
import type { PoolClient } from "pg";
import { originOf } from "./checkpointer.js";
import type { VerifierKey } from "./signed-note.js";

import { consistencyProof, inclusionProof } from "./tree-store.js";

type Queryable = Pick<PoolClient, "query">;

const BATCH_RECORDS = 500;

export interface BundleOptions {
  readonly client: Queryable;
  readonly tenantId: string;
  readonly key: VerifierKey;
}

/** There is nothing to prove with. */
export class NotSigned extends Error {
  override readonly name = "NotSigned";
}

const line = (entry: object) => `${JSON.stringify(entry)}\n`;

/**
 * All records from the first to the last that is signed, with every checkpoint on the way.
 * @throws NotSigned where no checkpoint was made yet
 */
export async function* wholeBundle({
  client,
  tenantId,
  key,
}: BundleOptions): AsyncGenerator<string, void, undefined> {
  const { size } = await checkpointOf(client, tenantId);
  yield head(key, tenantId, { size, whole: true });
  for (let from = 0; from < size; from += BATCH_RECORDS) {
    const to = Math.min(from + BATCH_RECORDS, size);
    const notes = new Map<number, string>();
    const { rows } = await client.query<{ tree_size: string; note: string }>(
      "SELECT tree_size, note FROM audit_checkpoints WHERE tenant_id = $1 AND tree_size > $2 AND tree_size <= $3",
      [tenantId, from, to],
    );
    for (const { tree_size, note } of rows) notes.set(Number(tree_size), note);
    for (const record of await recordsOf(client, tenantId, from, to)) {
      yield line(record);
      const note = notes.get(record.record + 1);
      if (note !== undefined) yield line({ checkpoint: note });
    }
  }
}

/**
 * Records of a part of the trail, each with its inclusion proof in the tree of the last checkpoint, or of that of `size`.
 * @throws NotSigned where no checkpoint covers them
 */
export async function* provenBundle(
  { client, tenantId, key }: BundleOptions,
  { from, to, size }: { readonly from: number; readonly to: number; readonly size?: number | undefined },
): AsyncGenerator<string, void, undefined> {
  const checkpoint = await checkpointOf(client, tenantId, size);
  if (!(from >= 0 && from < to && to <= checkpoint.size))
    throw new NotSigned(`the checkpoint covers the indexes 0 to ${checkpoint.size - 1}`);
  yield head(key, tenantId, { size: checkpoint.size }) + line({ checkpoint: checkpoint.note });
  for (let start = from; start < to; start += BATCH_RECORDS)
    for (const record of await recordsOf(client, tenantId, start, Math.min(start + BATCH_RECORDS, to))) {
      const proof = await inclusionProof(client, tenantId, record.record, checkpoint.size);
      yield line({ ...record, proof: Buffer.concat(proof).toString("base64") });
    }
}

/** Two checkpoints, and that the larger one continues the smaller one. @throws NotSigned where there is no such checkpoint */
export async function* consistencyBundle(
  { client, tenantId, key }: BundleOptions,
  { from, to }: { readonly from: number; readonly to?: number | undefined },
): AsyncGenerator<string, void, undefined> {
  const [old, now] = [await checkpointOf(client, tenantId, from), await checkpointOf(client, tenantId, to)];
  const proof = await consistencyProof(client, tenantId, old.size, now.size);
  yield head(key, tenantId, { size: now.size }) +
    line({ checkpoint: old.note }) +
    line({ checkpoint: now.note });
  yield line({ consistency: Buffer.concat(proof).toString("base64") });
}

function head(
  key: VerifierKey,
  tenantId: string,
  what: { readonly size: number; readonly whole?: true },
): string {
  return line({ bundle: "crm-audit/1", origin: originOf(key, tenantId), ...what });
}

/** @param size Default: the largest. @throws NotSigned */
export async function checkpointOf(
  client: Queryable,
  tenantId: string,
  size?: number,
): Promise<{ readonly size: number; readonly note: string }> {
  const { rows } = await client.query<{ tree_size: string; note: string }>(
    `SELECT tree_size, note FROM audit_checkpoints WHERE tenant_id = $1 AND tree_size = coalesce($2, tree_size)
       ORDER BY tree_size DESC LIMIT 1`,
    [tenantId, size ?? null],
  );
  const found = rows[0];
  if (found) return { size: Number(found.tree_size), note: found.note };
  throw new NotSigned(
    size === undefined
      ? "no checkpoint was made yet"
      : `there is no checkpoint of ${size} records: write the size of one`,
  );
}

async function recordsOf(client: Queryable, tenantId: string, from: number, to: number) {
  const { rows } = await client.query<{
    leaf_index: string;
    content: string | null;
    pruned_by: string;
    hash: Buffer;
  }>(
    `SELECT leaf_index, content, pruned_by, hash FROM audit_records r
       JOIN audit_nodes n ON n.tenant_id = r.tenant_id AND n.level = 0 AND n.position = r.leaf_index
       WHERE r.tenant_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index`,
    [tenantId, from, to],
  );
  return rows.map(({ leaf_index, content, pruned_by, hash }) => ({
    record: Number(leaf_index),
    ...(content === null ? { pruned: hash.toString("base64"), by: pruned_by } : { content }),
  }));
}
