// Four processes that are replaced one by one under load: what was cached stays cached, nothing fails, and nothing old is answered.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { RolledMessage } from "../support/rolled-process.js";

const PROGRAM = fileURLToPath(new URL("../support/rolled-process.js", import.meta.url));
const PROCESSES = 4;
const LISTS = 20;
const READERS = 6;
/** The new processes need the machine, too. */
const PAUSE_MS = 20;

interface Member {
  readonly child: ChildProcess;
  readonly url: string;
  pending: number;
  onIdle: (() => void) | undefined;
}

class Rolled {
  readonly members: Member[] = [];
  handlerRuns = 0;
  answers = 0;
  readonly faults: string[] = [];
  /** What a write's answer has named. */
  version = 0;
  readonly #args: readonly string[];
  #next = 0;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  async add(): Promise<void> {
    const child = fork(PROGRAM, this.#args);
    afterTest(() => child.kill("SIGKILL"));
    const url = await new Promise<string>((resolve, reject) => {
      child.once("exit", () => reject(new Error("it ended before it listened")));
      child.on("message", (message: RolledMessage) => {
        if (message.kind === "listening") resolve(message.url);
        else this.handlerRuns++;
      });
    });
    this.members.push({ child, url, pending: 0, onIdle: undefined });
  }

  /** As a load balancer does: a new one takes requests once it listens, the old one none before it ends. */
  async replace(): Promise<void> {
    await this.add();
    const old = this.members.shift();
    assert.ok(old);
    if (old.pending > 0)
      await new Promise<void>((resolve) => {
        old.onIdle = resolve;
      });
    const ended = once(old.child, "exit");
    old.child.send("end");
    await ended;
  }

  async read(id: number): Promise<void> {
    const member = this.#pick();
    const oldest = this.version;
    try {
      const response = await fetch(`${member.url}/lists/${id}`, { headers: { "x-tenant": "a" } });
      const body = (await response.json()) as { id: string; version: number };
      this.answers++;
      if (response.status !== 200 || body.id !== String(id) || body.version < oldest)
        this.faults.push(`${response.status}, list ${id}, at least ${oldest}: ${JSON.stringify(body)}`);
    } catch (error) {
      this.faults.push(String(error));
    } finally {
      this.#left(member);
    }
  }

  async write(): Promise<void> {
    const member = this.#pick();
    const response = await fetch(`${member.url}/lists`, { method: "POST", headers: { "x-tenant": "a" } });
    ({ version: this.version } = (await response.json()) as { version: number });
    this.#left(member);
  }

  #pick(): Member {
    const member = this.members[this.#next++ % this.members.length];
    assert.ok(member);
    member.pending++;
    return member;
  }

  #left(member: Member): void {
    member.pending--;
    if (member.pending === 0) member.onIdle?.();
  }
}

describe("a rolling restart of four processes under load", () => {
  for (const freshness of ["strict", "leased"])
    test(`${freshness}: each list was asked of its handler once, and once more behind a write`, async () => {
      const rolled = new Rolled([await sharedRedisUrl(), `rolled:${randomUUID()}:`, freshness]);
      for (let count = 0; count < PROCESSES; count++) await rolled.add();
      for (let id = 0; id < LISTS; id++) await rolled.read(id);
      assert.equal(rolled.handlerRuns, LISTS);
      let isOver = false;
      const reader = async (_: unknown, index: number) => {
        for (let id = index; !isOver; id++) {
          await rolled.read(id % LISTS);
          await delay(PAUSE_MS);
        }
      };
      const readers = Array.from({ length: READERS }, reader);
      for (let count = 0; count < PROCESSES; count++) {
        await rolled.replace();
        assert.equal(rolled.handlerRuns, LISTS, `after process ${count + 1}`);
      }
      // The new ones serve what is new: the write is one of theirs, too.
      await rolled.write();
      for (let id = 0; id < LISTS; id++) await rolled.read(id);
      isOver = true;
      await Promise.all(readers);
      assert.deepEqual(rolled.faults, []);
      assert.equal(rolled.version, 1);
      assert.equal(rolled.handlerRuns, 2 * LISTS);
      assert.ok(rolled.answers > 2 * LISTS + READERS);
    });
});
