// Purges from the console of one of several processes on one Redis, and when the last of them has stopped to serve what was purged.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fieldsOf, formOf } from "./console-world.js";

const PROGRAM = fileURLToPath(new URL("./console-process.js", import.meta.url));
/** Purges a minute that one console takes. */
const PURGES_OF_A_CONSOLE = 60;
const PURGES_OF_A_PERSON = 10;
const DEADLINE_MS = 120_000;
const PAUSE_MS = 2;

export interface PurgeTimes {
  /** What the console says: until the store had its new fences. */
  readonly toldMs: number;
  /** From the purge that is sent to the answer that says that it is confirmed. */
  readonly confirmedMs: number;
  /** From the same to the first answer of the last process that was not what had been purged: filled anew, and sent. */
  readonly everywhereMs: number;
  /** Answers with what was purged to requests that were sent after it had been confirmed. There must be none. */
  readonly late: number;
}

export class PurgeProcesses {
  readonly #children: ChildProcess[] = [];
  readonly #urls: string[] = [];
  #purges = 0;

  /** @param purges how many there will be: they are limited for each console and person */
  static async start(redisUrl: string, processes: number, purges: number): Promise<PurgeProcesses> {
    const started = new PurgeProcesses();
    const consoles = Math.ceil(purges / PURGES_OF_A_CONSOLE);
    const prefix = `${randomUUID()}:`;
    for (let index = 0; index < processes; index++) {
      const child = fork(PROGRAM, [redisUrl, prefix, String(consoles)]);
      started.#children.push(child);
      const ended = once(child, "exit").then(() => Promise.reject(new Error("a process did not start")));
      const [url] = await Promise.race([once(child, "message"), ended]);
      started.#urls.push(String(url));
    }
    return started;
  }

  /** Every process has the same answer as a hit; then one of them purges it, while all go on to be asked. */
  async purge(): Promise<PurgeTimes> {
    const send = await this.#plan();
    const [first = ""] = this.#urls;
    const old = (await this.#list(first)).text;
    for (const url of this.#urls) {
      await this.#list(url);
      assert.deepEqual(await this.#list(url), { text: old, isHit: true }, "all have it");
    }
    const state = { old, confirmedAtMs: Number.POSITIVE_INFINITY, late: 0 };
    const startedAtMs = performance.now();
    const watching = this.#urls.map((url) => this.#untilAnother(url, state));
    const answer = await send();
    state.confirmedAtMs = performance.now();
    const [, toldMs] = /Confirmed in ([\d.]+) ms/.exec(await answer.text()) ?? [];
    assert.ok(toldMs, "it is confirmed");
    const endedAtMs = Math.max(...(await Promise.all(watching)));
    return {
      toldMs: Number(toldMs),
      confirmedMs: state.confirmedAtMs - startedAtMs,
      everywhereMs: endedAtMs - startedAtMs,
      late: state.late,
    };
  }

  close(): void {
    for (const child of this.#children) child.kill();
  }

  /** When the first other answer came. */
  async #untilAnother(
    url: string,
    state: { readonly old: string; readonly confirmedAtMs: number; late: number },
  ): Promise<number> {
    const giveUpAtMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const sentAtMs = performance.now();
      assert.ok(sentAtMs < giveUpAtMs, "a process goes on to serve what was purged");
      const { text } = await this.#list(url);
      if (text !== state.old) return performance.now();
      if (sentAtMs > state.confirmedAtMs) state.late++;
      // So that those who ask do not take the processors from those who purge.
      await setTimeout(PAUSE_MS);
    }
  }

  async #list(url: string): Promise<{ readonly text: string; readonly isHit: boolean }> {
    const answer = await fetch(`${url}/versions`, { headers: { "x-tenant": "acme" } });
    const isHit = /; hit/.test(answer.headers.get("cache-status") ?? "");
    return { text: await answer.text(), isHit };
  }

  /** Up to the dry run; the purge itself is sent by what is returned. */
  async #plan(): Promise<() => Promise<Response>> {
    const index = this.#purges++;
    const [url = ""] = this.#urls;
    const page = `${url}/console-${Math.floor(index / PURGES_OF_A_CONSOLE)}/purge`;
    const person = { "x-name": `person-${Math.floor(index / PURGES_OF_A_PERSON)}` };
    const shown = await fetch(page, { headers: person });
    const { cookie, token } = formOf({ headers: shown.headers, body: await shown.text() });
    const headers = { ...person, cookie, origin: url };
    const post = (fields: Record<string, string>) =>
      fetch(page, { method: "POST", headers, body: new URLSearchParams(fields) });
    const reason = "measured";
    const dryRun = await post({ token, scope: "modules", tenant: "acme", names: "versions", reason });
    const planned = fieldsOf(await dryRun.text());
    return () => post(planned);
  }
}
