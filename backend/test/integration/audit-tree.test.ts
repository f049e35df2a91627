// Committed records become leaves: in order, without gaps, while others write; proofs from what is stored.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest, tell } from "../../servers/in-test.js";
import {
  foldHashes,
  leafHash,
  subtreesOf,
  TreeEdge,
  verifyConsistency,
  verifyInclusion,
} from "../../services/audit/merkle.js";
import {
  consistencyProof,
  inclusionProof,
  integrate,
  nodeHashes,
  rootAt,
  TreeBroken,
  tenantsWithPending,
  treeSize,
} from "../../services/audit/tree-store.js";
import {
  ACTOR,
  type AuditDatabase,
  event,
  events,
  OTHER_TENANT,
  startAuditDatabase,
  TENANT,
} from "../support/audit-database.js";

describe("the tree in PostgreSQL", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());

  const contents = async (tenantId = TENANT): Promise<string[]> => {
    const { rows } = await database.pool.query<{ leaf_index: string; content: string }>(
      "SELECT leaf_index, content FROM audit_records WHERE tenant_id = $1 ORDER BY leaf_index",
      [tenantId],
    );
    for (const [index, { leaf_index }] of rows.entries()) assert.equal(Number(leaf_index), index);
    return rows.map(({ content }) => content);
  };

  test("each size has the root of its leaves, and each record and each size is proven", async () => {
    const { pool, trail } = database;
    for (let size = 1; size <= 40; size += 3) {
      await trail.record(TENANT, ACTOR, events(3, size));
      assert.equal((await integrate(pool, TENANT))?.added, 3);
    }
    const leaves = (await contents()).map(leafHash);
    const edge = new TreeEdge();
    const roots = [edge.root];
    for (const leaf of leaves) {
      edge.append(leaf);
      roots.push(edge.root);
    }
    for (const [size, root] of roots.entries()) assert.deepEqual(await rootAt(pool, TENANT, size), root);
    const size = leaves.length;
    const root = roots[size] as Buffer;
    for (const [index, leaf] of leaves.entries()) {
      const proof = await inclusionProof(pool, TENANT, index, size);
      assert.ok(verifyInclusion(index, size, leaf, proof, root));
      const consistency = await consistencyProof(pool, TENANT, index, size);
      assert.ok(verifyConsistency(index, size, consistency, roots[index] as Buffer, root));
    }
    assert.deepEqual(await integrate(pool, TENANT), { added: 0, size });
  });

  test("a transaction that is open holds nobody up, and has its place when it has committed", async () => {
    const { pool, trail } = database;
    const before = await treeSize(pool, OTHER_TENANT);
    const slow = await pool.connect();
    await slow.query("BEGIN");
    await trail.append(slow, OTHER_TENANT, ACTOR, [event(1, { entityId: "slow" })]);
    await trail.record(OTHER_TENANT, ACTOR, [event(2, { entityId: "fast" })]);
    assert.deepEqual(await integrate(pool, OTHER_TENANT), { added: 1, size: before + 1 });
    await slow.query("COMMIT");
    slow.release();
    assert.deepEqual(await integrate(pool, OTHER_TENANT), { added: 1, size: before + 2 });
    const order = (await contents(OTHER_TENANT)).map((content) => JSON.parse(content).entityId);
    assert.deepEqual(order, ["fast", "slow"]);
  });

  test("who has committed before another began comes first", async () => {
    const { pool, trail } = database;
    const size = await treeSize(pool, TENANT);
    for (let n = 0; n < 20; n++) await trail.record(TENANT, ACTOR, [event(n, { entityId: `order-${n}` })]);
    await integrate(pool, TENANT);
    const order = (await contents()).slice(size).map((content) => JSON.parse(content).entityId);
    assert.deepEqual(
      order,
      Array.from({ length: 20 }, (_, n) => `order-${n}`),
    );
  });

  test("while many write and several integrate without a lock, no record is lost, doubled, or without a place", async () => {
    const { pool, trail } = database;
    const size = await treeSize(pool, TENANT);
    let refused = 0;
    let isOver = false;
    const sequencer = async () => {
      while (!isOver)
        await integrate(pool, TENANT, { takeLock: false }).catch((error: Error) => {
          assert.match(error.message, /duplicate key/);
          refused += 1;
        });
    };
    const sequencers = [sequencer(), sequencer(), sequencer()];
    await Promise.all(
      Array.from({ length: 6 }, async (_, writer) => {
        for (let n = 0; n < 25; n++) await trail.record(TENANT, ACTOR, events(4, writer * 1000 + n));
      }),
    );
    isOver = true;
    await Promise.all(sequencers);
    while ((await integrate(pool, TENANT))?.added);
    tell(`steps that another sequencer overtook: ${refused}`);
    const all = await contents();
    assert.equal(all.length, size + 600);
    assert.equal(new Set(all).size, all.length);
    const edge = new TreeEdge();
    for (const content of all) edge.append(leafHash(content));
    assert.deepEqual(await rootAt(pool, TENANT, all.length), edge.root);
    assert.deepEqual(await tenantsWithPending(pool), []);
  });

  test("one at a time by its lock", async () => {
    const { pool } = database;
    const holder = await pool.connect();
    await holder.query("BEGIN");
    await holder.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`audit tree ${TENANT}`]);
    assert.equal(await integrate(pool, TENANT), undefined);
    await holder.query("ROLLBACK");
    holder.release();
  });

  test("a tree that is shorter than what was published takes no record", async () => {
    const { pool, trail } = database;
    await trail.record(TENANT, ACTOR, events(1));
    const size = await treeSize(pool, TENANT);
    await assert.rejects(integrate(pool, TENANT, { publishedSize: size + 1 }), TreeBroken);
    assert.deepEqual(await tenantsWithPending(pool), [TENANT]);
    assert.equal((await integrate(pool, TENANT))?.added, 1);
  });

  test("a million records: a proof has at most 700 bytes, and a step adds as fast as before", async () => {
    const { pool, trail } = database;
    const tenantId = "cccccccc-0000-4000-8000-000000000003";
    const size = 1_000_000;
    // The nodes of a tree whose subtrees are made up, as far as a proof of its last record and the next step need them.
    const known = new Set<string>();
    const put = async (level: number, position: number) => {
      if (known.has(`${level}/${position}`)) return;
      known.add(`${level}/${position}`);
      await pool.query("INSERT INTO audit_nodes VALUES ($1, $2, $3, $4)", [
        tenantId,
        level,
        position,
        leafHash(`${level}/${position}`),
      ]);
    };
    for (const { level, position } of subtreesOf({ from: 0, to: size })) await put(level, position);
    for (let level = 0; level < 20; level++)
      for (let position = 0; position < 2; position++) await put(level, position);
    await pool.query("INSERT INTO audit_records (tenant_id, leaf_index, content) VALUES ($1, $2, '{}')", [
      tenantId,
      size - 1,
    ]);
    afterTest(() => pool.query("DELETE FROM audit_records WHERE tenant_id = $1", [tenantId]));
    const proof = await inclusionProof(pool, tenantId, 0, size);
    tell(`a proof at ${size} records: ${Buffer.concat(proof).length} bytes`);
    assert.ok(Buffer.concat(proof).length <= 700);
    await trail.record(tenantId, ACTOR, events(100));
    const begun = performance.now();
    assert.deepEqual(await integrate(pool, tenantId), { added: 100, size: size + 100 });
    tell(`100 records at ${size}: ${Math.round(performance.now() - begun)} ms`);
    const hashes = await nodeHashes(pool, tenantId, subtreesOf({ from: 0, to: size + 100 }));
    assert.deepEqual(await rootAt(pool, tenantId, size + 100), foldHashes(hashes));
  });
});
