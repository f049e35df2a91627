// Erasure in front of other processes: some read on, some are stopped, some are killed at a step of it.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { afterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import type { SubjectVault } from "../../services/subjects/subject-vault.js";
import { type SubjectDatabase, startSubjectDatabase, TENANT } from "../support/subject-database.js";
import { type Answer, type Question, STEPS, type Step } from "../support/vault-process.js";

const PROGRAM = projectFile("dist/backend/test/support/vault-process.js");
/** A check of a key. */
const GOOD_FOR_AT_MOST_MS = 300;
const VALUE = "Ada Lovelace";

interface Entry {
  readonly subjectId: string;
  readonly context: string;
  readonly sealed: Buffer;
}

class VaultProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor({ url, folder, keys }: SubjectDatabase, deadly: Step | "" = "") {
    const secret = keys[0]?.secret.toString("base64") ?? "";
    this.child = fork(PROGRAM, [url, folder, secret, deadly]);
    this.ended = once(this.child, "exit");
    this.child.on("message", (answer: Answer) => this.#waiting.get(answer.id)?.(answer));
    afterTest(async () => {
      this.child.kill("SIGKILL");
      await this.ended;
    });
  }

  async ready(): Promise<this> {
    await new Promise((resolve) => this.#waiting.set(0, resolve));
    return this;
  }

  async ask(call: Question["call"], { subjectId, context, sealed }: Entry): Promise<unknown> {
    this.#asked += 1;
    const question: Question = {
      id: this.#asked,
      call,
      tenantId: TENANT,
      subjectId,
      context,
      sealed: sealed.toString("base64"),
    };
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(question.id, resolve);
      this.child.send(question);
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  isStopped(): boolean {
    return /^T/.test(
      execFileSync("ps", ["-o", "state=", "-p", String(this.child.pid)], { encoding: "utf8" }),
    );
  }
}

describe("erasure and other processes", () => {
  let database: SubjectDatabase;
  let vault: SubjectVault;
  let held: string[] = [];
  beforeAll(async () => {
    database = await startSubjectDatabase();
    vault = database.vault();
    vault.onErase({
      name: "notes",
      holds: async () => [{ what: "notes", where: "the test", count: 0 }],
      erase: async (_tenantId, subjectId) => {
        held = held.filter((id) => id !== subjectId);
      },
      export: async () => [],
    });
  });
  afterAll(() => database.close());

  async function entryOf(subjectId: string): Promise<Entry> {
    held.push(subjectId);
    const context = `client:${subjectId}`;
    return { subjectId, context, sealed: await vault.seal(TENANT, [subjectId], context, VALUE) };
  }
  const lastAttempt = (ago: string) =>
    database.pool.query(
      "UPDATE subject_erasures SET attempted_at = now() - $1::interval WHERE finished_at IS NULL",
      [ago],
    );
  const start = (deadly?: Step) => new VaultProcess(database, deadly).ready();

  test("a process that has the key in memory, and reads on all the time, reads nothing once the erasure has answered", async () => {
    const entry = await entryOf("read-on");
    const readers = await Promise.all([start(), start()]);
    for (const reader of readers) {
      assert.equal(await reader.ask("open", entry), VALUE);
      await reader.ask("openForever", entry);
      await until("it reads", async () => Number(await reader.ask("opened", entry)) > 0);
    }
    await vault.erase(TENANT, entry.subjectId, "objection");
    const answeredAtMs = Date.now();
    for (const reader of readers) {
      assert.equal(await reader.ask("open", entry), undefined);
      const lastMs = Number(await reader.ask("opened", entry));
      assert.ok(lastMs > 0 && lastMs <= answeredAtMs, `${lastMs} is after ${answeredAtMs}`);
    }
  });

  test("a process that is stopped during the erasure reads nothing when it goes on", async () => {
    const entry = await entryOf("stopped");
    const reader = await start();
    assert.equal(await reader.ask("open", entry), VALUE);
    reader.child.kill("SIGSTOP");
    await until("it is stopped", () => reader.isStopped());
    const { state } = await vault.erase(TENANT, entry.subjectId, "objection");
    assert.equal(state, "erased");
    reader.child.kill("SIGCONT");
    assert.equal(await reader.ask("open", entry), undefined);
  });

  test("nor does one that was stopped in the middle of a read, with the database's permission in its hand", async () => {
    const entry = await entryOf("in-the-middle");
    const reader = await start();
    const answer = reader.ask("openAndStop", entry);
    await until("it is stopped", () => reader.isStopped());
    await vault.erase(TENANT, entry.subjectId, "objection");
    reader.child.kill("SIGCONT");
    assert.equal(await answer, undefined);
    // Without an erasure it is read all the same.
    const other = await entryOf("in-the-middle-too");
    const read = reader.ask("openAndStop", other);
    await until("it is stopped", () => reader.isStopped());
    reader.child.kill("SIGCONT");
    assert.equal(await read, VALUE);
  });

  for (const step of STEPS) {
    test(`killed at "${step}": nothing is read from then on, and another process finishes the erasure`, async () => {
      const entry = await entryOf(`killed-at-${step}`);
      const [reader, eraser] = await Promise.all([start(), start(step)]);
      assert.equal(await reader.ask("open", entry), VALUE);
      void eraser.ask("erase", entry);
      await eraser.ended;
      // A check is good for as long as an erasure would have waited.
      await delay(GOOD_FOR_AT_MOST_MS);
      assert.equal(await reader.ask("open", entry), undefined);
      assert.equal(await vault.open(TENANT, entry.context, entry.sealed), undefined);
      assert.equal((await vault.erasureReport(TENANT, entry.subjectId))?.state, "unfinished");
      const askedAtMs = performance.now();
      await lastAttempt("0 s");
      const { finished } = await vault.resumeErasures();
      // A machine that takes five seconds to ask does not ask too early.
      if (performance.now() - askedAtMs < 5000) assert.equal(finished, 0, "somebody may be at it");
      if (finished === 0) {
        await lastAttempt("6 s");
        assert.deepEqual(await vault.resumeErasures(), { finished: 1 });
      }

      const report = await vault.erasureReport(TENANT, entry.subjectId);
      assert.equal(report?.state, "erased");
      assert.equal(held.includes(entry.subjectId), false);
      // What was held is what the first process has seen, where it came so far.
      const notes = report?.held?.find(({ what }) => what === "notes");
      assert.ok(notes);
      if (["fence", "erase", "erased", "tombstone", "recorded"].includes(step))
        assert.equal(notes.where, "a process");
      const { rows } = await database.pool.query(
        "SELECT FROM subject_keys WHERE tenant_id = $1 AND pseudonym = $2",
        [TENANT, await vault.pseudonym(TENANT, entry.subjectId)],
      );
      assert.equal(rows.length, 0);
      const records = await database.trail.getAuditLogs(TENANT, "subject", entry.subjectId);
      assert.deepEqual(
        records.map(({ action }) => action),
        ["erase"],
      );
      assert.equal(await reader.ask("open", entry), undefined);
    });
  }
});
