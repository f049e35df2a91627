// Shared notes in Redis: a key each, which is empty while a process makes it.
// Tests: test/contract/redis-store.test.ts
import type { NoteLook, SharedNotes } from "../shared-notes.js";
import type { Servers } from "./servers.js";

export class RedisNotes implements SharedNotes {
  readonly #servers: Servers;

  constructor(servers: Servers) {
    this.#servers = servers;
  }

  async look(key: string, makeWithinMs: number): Promise<NoteLook> {
    const reply = await this.#servers.run(key, (link) => link.script("lookNote", [key], [makeWithinMs]));
    const [note, leftMs] = reply as readonly unknown[];
    if (note === undefined) return { state: "yours" };
    // In front of the text: how long it was to live. What is left of that says how old it is, by the server's clock alone.
    const [, ttl, text] = /^(\d+) (.*)$/s.exec(String(note)) ?? [];
    if (ttl === undefined || text === undefined) return { state: "under-way" };
    const ttlMs = Number(ttl);
    return { state: "made", text, ttlMs, ageMs: Math.max(0, ttlMs - Math.max(0, Number(leftMs))) };
  }

  async write(key: string, text: string, ttlMs: number): Promise<void> {
    const wholeMs = Math.ceil(ttlMs);
    await this.#servers.run(key, ({ client }) => client.set(key, `${wholeMs} ${text}`, "PX", wholeMs));
  }
}
