// Hashes of leaves, read in chunks.
// Tests: test/integration/audit-checkpoints.test.ts
import type { PoolClient } from "pg";
import { CHUNK_LEAVES, type LeafChunk } from "./checkpoint-place.js";
import { TreeBroken } from "./tree-store.js";

/** @throws TreeBroken where one is missing */
export async function* leafChunks(
  client: Pick<PoolClient, "query">,
  tenantId: string,
  from: number,
  to: number,
): AsyncGenerator<LeafChunk, void, undefined> {
  for (let start = from; start < to; start += CHUNK_LEAVES) {
    const end = Math.min(start + CHUNK_LEAVES, to);
    const { rows } = await client.query<{ hash: Buffer }>(
      `SELECT hash FROM audit_nodes WHERE tenant_id = $1 AND level = 0 AND position >= $2 AND position < $3 ORDER BY position`,
      [tenantId, start, end],
    );
    if (rows.length !== end - start)
      throw new TreeBroken(`leaves are missing between the indexes ${start} and ${end - 1}`);
    yield { from: start, leaves: Buffer.concat(rows.map(({ hash }) => hash)) };
  }
}
