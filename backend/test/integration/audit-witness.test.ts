// The witness as others ask it (C2SP tlog-witness), and the log that asks it: a fork is refused, whoever forges it.
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { CheckpointFork } from "../../services/audit/checkpoint-place.js";
import { consistencyPath, foldHashes, leafHash, subtreesOf, TreeEdge } from "../../services/audit/merkle.js";
import {
  checkpointText,
  isSignedBy,
  parseNote,
  signerKey,
  signNote,
  witnessKey,
} from "../../services/audit/signed-note.js";
import { integrate } from "../../services/audit/tree-store.js";
import { Witness, witnessServer } from "../../services/audit/witness.js";
import { WitnessClient } from "../../services/audit/witness-client.js";
import { WitnessState } from "../../services/audit/witness-state.js";
import { ACTOR, type AuditDatabase, events, startAuditDatabase, TENANT } from "../support/audit-database.js";
import { LOG_KEY, openAuditLog } from "../support/audit-log.js";

const ORIGIN = `${LOG_KEY.name}/t`;
const key = witnessKey("witness.example/w1", Buffer.alloc(32, 9));

/** A tree in memory, whose leaves are numbers and a word. */
function treeOf(word: string) {
  const edge = new TreeEdge();
  const nodes = new Map<string, Buffer>();
  const roots = [edge.root];
  for (let n = 0; n < 40; n++) {
    for (const { level, position, hash } of edge.append(leafHash(`${word} ${n}`)))
      nodes.set(`${level}/${position}`, hash);
    roots.push(edge.root);
  }
  const proof = (oldSize: number, size: number) =>
    consistencyPath(oldSize, size).map((range) =>
      foldHashes(
        subtreesOf(range).map(({ level, position }) => nodes.get(`${level}/${position}`) ?? Buffer.alloc(32)),
      ),
    );
  const note = (size: number, signer = LOG_KEY, origin = ORIGIN) =>
    signNote(checkpointText({ origin, size, root: roots[size] as Buffer }), signer);
  const body = (oldSize: number, size: number, signer = LOG_KEY, origin = ORIGIN) =>
    `old ${oldSize}\n${proof(oldSize, size)
      .map((hash) => `${hash.toString("base64")}\n`)
      .join("")}\n${note(size, signer, origin)}`;
  return { body, note };
}

async function startWitness(file?: string) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "witness-"));
  const state = await WitnessState.open(file ?? path.join(folder, "state"));
  const witness = new Witness({ key, logs: [LOG_KEY], state, now: () => 1_679_315_147_000 });
  const server = witnessServer(witness, key);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await state.close().catch(() => undefined);
  };
  afterTest(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const ask = async (body: string, pathname = "/add-checkpoint", method = "POST") => {
    const response = await fetch(url + pathname, { method, ...(method === "POST" && { body }) });
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      body: await response.text(),
    };
  };
  return { url, ask, stop, file: file ?? path.join(folder, "state") };
}

describe("a witness", () => {
  const good = treeOf("good");
  const other = treeOf("other");

  test("cosigns a tree that grows, with the time", async () => {
    const { ask } = await startWitness();
    for (const [oldSize, size] of [
      [0, 5],
      [5, 5],
      [5, 12],
      [12, 40],
    ] as const) {
      const answer = await ask(good.body(oldSize, size));
      assert.equal(answer.status, 200, answer.body);
      const note = parseNote(good.note(size) + answer.body) ?? assert.fail(answer.body);
      assert.ok(isSignedBy(note, key));
      assert.match(answer.body, /^\u2014 witness\.example\/w1 [A-Za-z0-9+/=]+\n$/);
    }
  });

  test("refuses what does not continue what it has cosigned", async () => {
    const { ask } = await startWitness();
    assert.equal((await ask(good.body(0, 10))).status, 200);
    const cases: readonly (readonly [body: string, status: number, text?: string])[] = [
      [good.body(0, 12), 409, "10\n"],
      [good.body(9, 12), 409, "10\n"],
      [other.body(10, 10), 409, "10\n"],
      [other.body(10, 12), 422],
      [good.body(10, 12).replace(/\n[A-Za-z0-9+/=]+\n/, "\n"), 422],
      [good.body(10, 12).replace("old 10", "old 13"), 400],
      [good.body(10, 12, signerKey(LOG_KEY.name, Buffer.alloc(32, 3))), 403],
      [good.body(0, 3, signerKey("elsewhere.example", Buffer.alloc(32, 3)), "elsewhere.example/t"), 404],
      [good.body(0, 3, LOG_KEY, `${LOG_KEY.name}-other/t`), 404],
      ["", 400],
      ["old x\n\n", 400],
      [`old 010\n\n${good.note(12)}`, 400],
      [`old 10\n${"AAAA\n".repeat(64)}\n${good.note(12)}`, 400],
      ["x".repeat(100_000), 413],
    ];
    for (const [body, status, text] of cases) {
      const answer = await ask(body);
      assert.equal(answer.status, status, body.slice(0, 80));
      if (text !== undefined) assert.deepEqual([answer.body, answer.type], [text, "text/x.tlog.size"]);
    }
    assert.equal((await ask("", "/", "GET")).body, `${key.text}\n`);
    assert.equal((await ask("", "/other")).status, 404);
    assert.equal((await ask("", "/add-checkpoint", "GET")).status, 405);
    assert.equal((await ask(good.body(10, 12))).status, 200, "none of it has changed what it knows");
  });

  test("remembers when it is started again, whatever a crash has left of the last line", async () => {
    const first = await startWitness();
    assert.equal((await first.ask(good.body(0, 10))).status, 200);
    await assert.rejects(WitnessState.open(first.file), /the memory of a witness that runs/);
    await first.stop();
    appendFileSync(first.file, '"crm.example/aud');
    // A witness that was killed has left its lock.
    writeFileSync(`${first.file}.lock`, "999999999");
    const second = await startWitness(first.file);
    assert.deepEqual((await second.ask(good.body(0, 3))).body, "10\n");
    assert.equal((await second.ask(other.body(10, 11))).status, 422);
    assert.equal((await second.ask(good.body(10, 11))).status, 200);
    await second.stop();
    const third = await startWitness(first.file);
    assert.deepEqual((await third.ask(good.body(0, 3))).body, "11\n");
    assert.match(readFileSync(first.file, "utf8"), /\n$/);
  });

  test("of many who ask at once, it cosigns along one line", async () => {
    const { ask } = await startWitness();
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) => ask((n % 2 === 0 ? good : other).body(0, 1 + (n % 7)))),
    );
    const cosigned = answers.filter(({ status }) => status === 200);
    assert.equal(cosigned.length, 1);
  });
});

describe("a log and its witness", () => {
  let database: AuditDatabase;
  beforeAll(async () => {
    database = await startAuditDatabase();
  });
  afterAll(() => database.close());
  beforeEach(() =>
    database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints"),
  );

  const open = (url: string, more: Parameters<typeof openAuditLog>[1] = {}) => {
    const log = openAuditLog(database, { witnesses: [new WitnessClient({ url, key })], ...more });
    afterTest(() => log.remove());
    return log;
  };

  test("what is published carries the cosignature", async () => {
    const { url } = await startWitness();
    const log = open(url);
    await log.grow(3);
    await log.grow(9);
    // A process that has not asked before learns the size from the witness.
    await open(url, { folder: log.folder }).grow(2);
    const note = parseNote((await log.files.latest(TENANT)) ?? "") ?? assert.fail();
    assert.ok(isSignedBy(note, key) && isSignedBy(note, LOG_KEY));
  });

  test("a witness that is away, or says nonsense, is told, and checkpoints go on without it", async () => {
    const { url } = await startWitness();
    const troubles: string[] = [];
    for (const where of ["http://127.0.0.1:1", `${url}/elsewhere`]) {
      const log = open(where, { onTrouble: (name) => troubles.push(name) });
      await log.grow(3);
      const note = parseNote((await log.files.latest(TENANT)) ?? "") ?? assert.fail();
      assert.ok(isSignedBy(note, LOG_KEY) && !isSignedBy(note, key));
      log.remove();
      await database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints");
    }
    assert.deepEqual(new Set(troubles), new Set(["witness witness.example/w1"]));
  });

  test("database and files from a backup, and another history from there on: the witness refuses it", async () => {
    const { url } = await startWitness();
    const log = open(url);
    await log.grow(8);
    await log.grow(8);
    await database.pool.query("TRUNCATE audit_pending, audit_records, audit_nodes, audit_checkpoints");
    // Nothing is left but what the witness knows.
    const forked = open(url);
    await forked.trail.record(TENANT, ACTOR, events(5));
    await integrate(database.pool, TENANT);
    await assert.rejects(forked.checkpointer.checkpoint(TENANT), CheckpointFork);
    await forked.trail.record(TENANT, ACTOR, events(11));
    await integrate(database.pool, TENANT);
    await assert.rejects(forked.checkpointer.checkpoint(TENANT), CheckpointFork);
    await forked.trail.record(TENANT, ACTOR, events(4));
    await integrate(database.pool, TENANT);
    await assert.rejects(forked.checkpointer.checkpoint(TENANT), CheckpointFork);
    assert.equal(await forked.files.latest(TENANT), undefined);
  });
});
