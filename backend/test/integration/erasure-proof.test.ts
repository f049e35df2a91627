// Proof of erasure: copies of Redis, of its append-only file and of rows from before open nothing.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { TenantCache } from "express-tenant-cache";
import { Redis } from "ioredis";
import * as z from "zod";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { KeyDestroyed } from "../../services/subjects/key-provider.js";
import { sensitive } from "../../services/subjects/sensitive-fields.js";
import type { SealedRecord, SubjectVault } from "../../services/subjects/subject-vault.js";
import { openCache } from "../support/caches.js";
import { type SubjectDatabase, startSubjectDatabase, TENANT } from "../support/subject-database.js";

const client = z.object({
  id: z.string(),
  status: z.string(),
  name: sensitive(z.string()),
  phone: sensitive(z.string()),
});
const recordOf = (id: string) => ({ id, status: "active", name: "Ada Lovelace", phone: "+44 20 7946 0001" });
const CLEAR = ["Ada Lovelace", "7946 0001", "hubspot:gone", "hubspot:kept"];
const RESTORED = ["subject_keys", "subject_erasures", "kept"];
const TABLES = [...RESTORED, "audit_pending", "audit_records"];

/** Whose data it is: of `both`, of the one who is erased and of the one who is not. */
const ENTRIES = {
  gone: ["hubspot:gone"],
  both: ["hubspot:gone", "hubspot:kept"],
  kept: ["hubspot:kept"],
} as const;
type Entry = keyof typeof ENTRIES;
const NAMES = Object.keys(ENTRIES) as Entry[];

interface Copies {
  readonly keys: ReadonlyMap<string, Buffer>;
  readonly rows: ReadonlyMap<string, unknown[]>;
  /** Of the append-only file and the snapshot. */
  readonly folder: string;
}

describe("proof of erasure", () => {
  let database: SubjectDatabase;
  let redisServer: RedisServer;
  let redis: Redis;
  let cache: TenantCache;
  let vault: SubjectVault;
  let copies: Copies;
  let dataKeys: Buffer[] = [];
  beforeAll(async () => {
    database = await startSubjectDatabase();
    redisServer = await startRedisServer({ service: "redis", args: ["--appendfsync", "always"] });
    redis = new Redis(redisServer.url);
    cache = await openCache("redis", { redis: redisServer.url, keyPrefix: "", tenant: () => TENANT });
    vault = database.vault({ fence: (tenantId, ...tags) => cache.invalidateTags(tenantId, ...tags) });
    await database.pool.query(
      "CREATE TABLE kept (id text PRIMARY KEY, sealed bytea NOT NULL, readable jsonb NOT NULL)",
    );
    await fill();
    copies = await copyAll();
  });
  afterAll(async () => {
    await cache.close();
    redis.disconnect();
    await redisServer.stop();
    rmSync(copies.folder, { recursive: true });
    await database.close();
  });

  const collection = () =>
    cache.manager.collection<{ sealed: string }>("communications:item:{id}", { ttlSeconds: 3600 });
  let opened: ReturnType<typeof collection>;

  /** In all three places where sealed data lies. */
  async function fill(): Promise<void> {
    opened = collection();
    for (const name of NAMES) {
      const { readable, sealed } = await vault.sealRecord(
        TENANT,
        ENTRIES[name],
        name,
        client,
        recordOf(name),
      );
      await database.pool.query("INSERT INTO kept VALUES ($1, $2, $3)", [name, sealed, readable]);
      await redis.rpush(`queue:${name}`, JSON.stringify({ readable, sealed: sealed.toString("base64") }));
      const whole = await vault.seal(TENANT, ENTRIES[name], name, recordOf(name));
      assert.equal(await opened.set(TENANT, { id: name }, { sealed: whole.toString("base64") }), true);
    }
    const event = { action: "read", entityType: "client", entityId: "c-1", dataClass: "phi" } as const;
    const actor = { id: "system", role: "system" };
    await database.trail.record(TENANT, actor, [{ ...event, subjectId: "hubspot:gone" }]);
    const { rows } = await database.pool.query(
      "SELECT tenant_id, key_id, wrapped, wrap_version FROM subject_keys",
    );
    dataKeys = await Promise.all(
      rows.map(({ tenant_id: tenantId, key_id: keyId, wrapped: bytes, wrap_version: version }) =>
        database.provider.unwrap({ tenantId, keyId }, { bytes, version }),
      ),
    );
  }

  async function copyAll(): Promise<Copies> {
    await redis.save();
    const keys = new Map<string, Buffer>();
    for (const key of await redis.keys("*")) keys.set(key, (await redis.dumpBuffer(key)) ?? Buffer.alloc(0));
    const rows = new Map<string, unknown[]>();
    for (const table of TABLES) {
      const found = await database.pool.query<{ row: unknown }>(`SELECT to_jsonb(t) AS row FROM ${table} t`);
      rows.set(
        table,
        found.rows.map(({ row }) => row),
      );
    }
    const folder = mkdtempSync(path.join(tmpdir(), "erasure-proof-"));
    cpSync(await redisFolder(), folder, { recursive: true });
    return { keys, rows, folder };
  }

  async function redisFolder(): Promise<string> {
    const [, folder = ""] = (await redis.config("GET", "dir")) as string[];
    return folder;
  }

  async function restoreRows(): Promise<void> {
    for (const table of RESTORED) {
      await database.pool.query(`DELETE FROM ${table}`);
      await database.pool.query(
        `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`,
        [JSON.stringify(copies.rows.get(table))],
      );
    }
  }

  async function readKept(reader: SubjectVault, name: Entry): Promise<unknown> {
    const { rows } = await database.pool.query<SealedRecord>(
      "SELECT readable, sealed FROM kept WHERE id = $1",
      [name],
    );
    return rows[0] && reader.openRecord(TENANT, name, client, rows[0]);
  }

  async function readQueue(reader: SubjectVault, name: Entry): Promise<unknown> {
    const { readable, sealed } = JSON.parse((await redis.lindex(`queue:${name}`, 0)) ?? "{}");
    return reader.openRecord(TENANT, name, client, { readable, sealed: Buffer.from(sealed, "base64") });
  }

  /** @returns `undefined` where the cache has none; else what the vault makes of it */
  async function readCache(
    reader: SubjectVault,
    name: Entry,
  ): Promise<{ readonly value: unknown } | undefined> {
    const found = await opened.get(TENANT, { id: name });
    return found && { value: await reader.open(TENANT, name, Buffer.from(found.sealed, "base64")) };
  }

  test("before: all of it opens, and no copy shows anything in the clear, nor a data key", async () => {
    for (const name of NAMES) {
      assert.deepEqual(await readKept(vault, name), recordOf(name));
      assert.deepEqual(await readQueue(vault, name), recordOf(name));
      assert.deepEqual((await readCache(vault, name))?.value, recordOf(name));
    }
    const secretFiles = filesOf(database.folder).map((file) => readFileSync(file));
    const bytes = [
      ...copies.keys.values(),
      ...[...copies.rows.values()].map((rows) => Buffer.from(JSON.stringify(rows))),
      ...filesOf(copies.folder).map((file) => readFileSync(file)),
    ];
    // The search finds what is there.
    assert.ok(bytes.some((one) => one.includes("queue:gone")) && bytes.some((one) => one.includes("active")));
    assert.ok(filesOf(copies.folder).some((file) => file.includes("appendonly")));
    for (const text of CLEAR) assert.ok(!bytes.some((one) => one.includes(text)), text);
    assert.equal(dataKeys.length, 3);
    for (const key of dataKeys) {
      for (const form of [key, key.toString("base64"), key.toString("hex")])
        assert.ok(![...bytes, ...secretFiles].some((one) => one.includes(form)));
    }
  });

  test("after: the cache's copy is cut off, and nothing opens where it lies", async () => {
    const records = await database.trail.getAuditLogs(TENANT, "client", "c-1");
    await vault.erase(TENANT, "hubspot:gone", "objection");
    for (const name of ["gone", "both"] as const) {
      assert.equal(await readKept(vault, name), undefined);
      assert.equal(await readQueue(vault, name), undefined);
      assert.equal((await readCache(vault, name))?.value, undefined);
    }
    assert.deepEqual(await readKept(vault, "kept"), recordOf("kept"));
    // The record of before is the same, and is found by the same pseudonym.
    assert.deepEqual(await database.trail.getAuditLogs(TENANT, "client", "c-1"), records);
    assert.equal(records[0]?.subject, await vault.pseudonym(TENANT, "hubspot:gone"));
  });

  test("with the copies in their places again, and the key provider as it is now, nothing opens but what is not erased", async () => {
    await restoreRows();
    await redis.flushall();
    for (const [key, dump] of copies.keys) await redis.restore(key, 0, dump);
    const reader = database.vault();
    // As the restored database sees it, nobody has been erased.
    assert.equal(await reader.isErased(TENANT, "hubspot:gone"), false);
    for (const name of ["gone", "both"] as const) {
      assert.equal(await readKept(reader, name), undefined);
      assert.equal(await readQueue(reader, name), undefined);
      assert.deepEqual(await readCache(reader, name), { value: undefined }, "the cache has its copy again");
    }
    assert.deepEqual(await readKept(reader, "kept"), recordOf("kept"));
    assert.deepEqual(await readQueue(reader, "kept"), recordOf("kept"));
    assert.deepEqual(await readCache(reader, "kept"), { value: recordOf("kept") });
    assert.equal(reader.stats().refused.erased, 6);
    await assert.rejects(reader.seal(TENANT, ["hubspot:gone"], "new", 1), { name: "SubjectErased" });
  });

  test("nor does a Redis that starts from the copy of its append-only file disclose anything", async () => {
    const folder = await redisFolder();
    redis.disconnect();
    await redisServer.kill();
    rmSync(folder, { recursive: true });
    cpSync(copies.folder, folder, { recursive: true });
    await redisServer.restart();
    redis = new Redis(redisServer.url);
    const reader = database.vault();
    for (const name of ["gone", "both"] as const) assert.equal(await readQueue(reader, name), undefined);
    assert.deepEqual(await readQueue(reader, "kept"), recordOf("kept"));
  });

  test("the provider itself opens no copy of the wrapped key", async () => {
    const pseudonym = await vault.pseudonym(TENANT, "hubspot:gone");
    const { rows } = await database.pool.query(
      "SELECT key_id, wrapped, wrap_version FROM subject_keys WHERE tenant_id = $1 AND pseudonym = $2",
      [TENANT, pseudonym],
    );
    assert.equal(rows.length, 1, "the copy is there");
    const { key_id: keyId, wrapped: bytes, wrap_version: version } = rows[0];
    await assert.rejects(
      database.provider.unwrap({ tenantId: TENANT, keyId }, { bytes, version }),
      KeyDestroyed,
    );
  });
});

const filesOf = (folder: string): string[] =>
  [...readdirSync(folder, { recursive: true, encoding: "utf8" })]
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile());
