// Blocks, as readers of the old system know them: a view of the tree, 100 records each, with a hot copy in the cache.
// Tests: test/integration/audit-blocks.test.ts
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import type { AuditLog, AuditRecord } from "./audit-event.js";
import { rootAt, treeSize } from "./tree-store.js";

export const BLOCK_RECORDS = 100;
/** 90 days. Read after that, a block is copied again. */
export const BLOCK_TTL_SECONDS = 7_776_000;

/** A record whose content was pruned is its index alone. */
export type BlockLog = AuditLog | { readonly index: number; readonly pruned: true };

export interface AuditBlock {
  readonly blockNumber: number;
  /** When its last record was made, ISO 8601. */
  readonly timestamp: string;
  readonly logs: readonly BlockLog[];
  /** The root of the tree before the block's first record, hex. Of block 0: that of the empty tree. */
  readonly previousHash: string;
  /** The root of the tree with the block's last record, hex: a consistency proof leads from block to block. */
  readonly hash: string;
}

const blockShape = z.object({
  blockNumber: z.int(),
  timestamp: z.string(),
  logs: z.array(z.looseObject({ index: z.int() })).length(BLOCK_RECORDS),
  previousHash: z.string(),
  hash: z.string(),
});
const blockSchema = z.custom<AuditBlock>((value) => blockShape.safeParse(value).success);

export interface AuditBlocksOptions {
  readonly pool: Pool;
  readonly cache: TenantCache;
}

export class AuditBlocks {
  readonly #pool: Pool;
  readonly #hot: ReturnType<typeof hotCopies>;

  constructor({ pool, cache }: AuditBlocksOptions) {
    this.#pool = pool;
    this.#hot = hotCopies(cache);
  }

  /** Blocks of the tenant now, the last of which may be growing. */
  async count(tenantId: string): Promise<number> {
    return Math.ceil((await this.#size(tenantId)) / BLOCK_RECORDS);
  }

  /** `undefined` where the tree has not so many records. Only whole blocks are copied: they change by pruning alone. */
  async block(tenantId: string, blockNumber: number): Promise<AuditBlock | undefined> {
    if (!Number.isSafeInteger(blockNumber) || blockNumber < 0) return undefined;
    const load = () => this.#load(tenantId, blockNumber);
    const key = { n: String(blockNumber) };
    const copy = await this.#hot.get(tenantId, key);
    if (copy) return copy;
    const isWhole = (await this.#size(tenantId)) >= (blockNumber + 1) * BLOCK_RECORDS;
    // A load that pruning overtakes is not stored.
    return isWhole
      ? await this.#hot.getOrSet(tenantId, key, async () => (await load()) as AuditBlock)
      : await load();
  }

  /**
   * Copies of blocks with these records go: what was pruned is not shown from a cache.
   * @returns whether the store has confirmed all of it
   */
  async forget(tenantId: string, indexes: readonly number[]): Promise<boolean> {
    const blocks = new Set(indexes.map((index) => Math.floor(index / BLOCK_RECORDS)));
    let isConfirmed = true;
    for (const block of blocks)
      if (!(await this.#hot.delete(tenantId, { n: String(block) }))) isConfirmed = false;
    return isConfirmed;
  }

  async #size(tenantId: string): Promise<number> {
    return await withTenant(this.#pool, tenantId, (client) => treeSize(client, tenantId), READ_ONLY);
  }

  async #load(tenantId: string, blockNumber: number): Promise<AuditBlock | undefined> {
    const from = blockNumber * BLOCK_RECORDS;
    return await withTenant(
      this.#pool,
      tenantId,
      async (client) => {
        const { rows } = await client.query<{ leaf_index: string; content: string | null }>(
          `SELECT leaf_index, content FROM audit_records
             WHERE tenant_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index`,
          [tenantId, from, from + BLOCK_RECORDS],
        );
        if (rows.length === 0) return undefined;
        const logs = rows.map(({ leaf_index, content }): BlockLog => {
          const index = Number(leaf_index);
          return content === null
            ? { index, pruned: true }
            : { ...(JSON.parse(content) as AuditRecord), index };
        });
        const root = async (size: number) => (await rootAt(client, tenantId, size)).toString("hex");
        return {
          blockNumber,
          timestamp: logs.findLast((log) => "at" in log)?.at ?? "",
          logs,
          previousHash: await root(from),
          hash: await root(from + rows.length),
        };
      },
      READ_ONLY,
    );
  }
}

const READ_ONLY = { readOnly: true, anyTenant: true };

const hotCopies = (cache: TenantCache) =>
  cache.manager.collection("audit_block:{n}", { ttlSeconds: BLOCK_TTL_SECONDS, schema: blockSchema });
