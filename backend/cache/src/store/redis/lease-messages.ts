// The connection for messages: what fences have been changed, and who has forgotten them. Made when it is first needed.
// Tests: test/faults/leased-messages.test.ts
import { BackOff } from "../../back-off.js";
import { monotonicNow } from "../../timers.js";
import { connectAgainOnEnd } from "./connect-again.js";
import { endClient } from "./end-client.js";
import { messageOf } from "./error-messages.js";
import type { MessageClient } from "./redis-client.js";

export interface MessageListener {
  /** It works from now on: what is published after this call is heard. */
  subscribed(): void;
  heard(channel: string, message: string): void;
  /** Tells nobody anything; rejects where nobody may be told. */
  tell(): Promise<unknown>;
  /** It may not be listened to, or nobody may be told. */
  refused(reason: string): void;
}

/** Another server may be the right one by now; it is not looked for in each renewal of a lease. */
const RECONNECTED_AT_MOST_EVERY_MS = 1000;
const FIRST_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2000;

export class LeaseMessages {
  readonly #connect: () => MessageClient;
  readonly #channels: readonly string[];
  readonly #listener: MessageListener;
  #client: MessageClient | undefined;
  #isSubscribed = false;
  #isClosed = false;
  #reconnectedAtMs = Number.NEGATIVE_INFINITY;

  /** @param connect makes a client that is not connected yet */
  constructor(connect: () => MessageClient, channels: readonly string[], listener: MessageListener) {
    this.#connect = connect;
    this.#channels = channels;
    this.#listener = listener;
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** Begins to connect, where it has not. */
  open(): void {
    if (this.#client) return;
    const client = this.#connect();
    this.#client = client;
    // An error that nobody listens to is printed; the store's own connection tells of it.
    client.on("error", ignore);
    client.on("ready", () => void this.#subscribe(client));
    client.on("close", () => {
      this.#isSubscribed = false;
    });
    client.on("message", (channel: string, message: string) => this.#listener.heard(channel, message));
    connectAgainOnEnd(client, new BackOff(FIRST_RECONNECT_MS, MAX_RECONNECT_MS), () => this.#isClosed);
    client.connect?.().catch(ignore);
  }

  /** To the server that the store's own connection leads to by now. */
  reconnect(): void {
    // It is being made: ioredis would give it up.
    if (!this.#isSubscribed) return;
    if (monotonicNow() - this.#reconnectedAtMs < RECONNECTED_AT_MOST_EVERY_MS) return;
    this.#reconnectedAtMs = monotonicNow();
    this.#isSubscribed = false;
    this.#client?.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#isSubscribed = false;
    if (this.#client) endClient(this.#client);
  }

  async #subscribe(client: MessageClient): Promise<void> {
    try {
      await client.subscribe?.(...this.#channels);
    } catch (error) {
      // Or the connection has gone: leases are not held, and writers wait them out.
      if (client.status === "ready") this.#listener.refused(messageOf(error));
      return;
    }
    // Who may not say that it has forgotten would have each writer wait a lease.
    const forbidden = await this.#listener.tell().then(() => undefined, forbiddenBy);
    if (client.status !== "ready") return;
    if (forbidden !== undefined) {
      this.#listener.refused(forbidden);
      return;
    }
    this.#isSubscribed = true;
    this.#listener.subscribed();
  }
}

/** Other failures pass: what was to be told then is waited for. */
function forbiddenBy(error: unknown): string | undefined {
  const reason = messageOf(error);
  return /\bNOPERM\b|unknown command/.test(reason) ? reason : undefined;
}

function ignore(): void {}
