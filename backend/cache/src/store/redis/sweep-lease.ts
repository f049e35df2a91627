// The lease of a sweep: one process at a time has it, and a dead one's ends by itself.
// Tests: test/integration/redis-sweep.test.ts

import { monotonicNow } from "../../timers.js";
import { randomToken } from "../fence-token.js";
import type { Servers } from "./servers.js";

const TTL_MS = 10_000;

export class SweepLease {
  readonly #servers: Servers;
  readonly #key: string;
  readonly #holder = randomToken();
  readonly #ttlMs: number;
  #renewedAtMs = monotonicNow();

  constructor(servers: Servers, key: string, ttlMs = TTL_MS) {
    this.#servers = servers;
    this.#key = key;
    this.#ttlMs = ttlMs;
  }

  /** False where another process has it. */
  async take(): Promise<boolean> {
    this.#renewedAtMs = monotonicNow();
    const set = await this.#servers.run(this.#key, ({ client }) =>
      client.set(this.#key, this.#value, "PX", this.#ttlMs, "NX"),
    );
    return set !== null;
  }

  /**
   * Called before each step; asks the server only now and then.
   *
   * @throws Error where another process has the lease by now: this one was held up for longer than the lease
   *   lives
   */
  async keep(): Promise<void> {
    if (monotonicNow() - this.#renewedAtMs < this.#ttlMs / 3) return;
    this.#renewedAtMs = monotonicNow();
    if (Number(await this.#script("keepLease", this.#value, this.#ttlMs)) === 0)
      throw new Error("another process sweeps by now");
  }

  /** Only its holder gives it back. Where that fails, it ends by itself. */
  release(): void {
    this.#script("abandonFill", this.#holder, 0).catch(() => undefined);
  }

  #script(name: "keepLease" | "abandonFill", ...args: (string | number)[]): Promise<unknown> {
    return this.#servers.run(this.#key, (link) => link.script(name, [this.#key], args));
  }

  /** As the leases of fills are written, so that it is given back in the same way. */
  get #value(): string {
    return `${this.#holder},`;
  }
}
