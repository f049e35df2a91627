// Messages over a duplicate of a node-redis client: as `lease-messages.ts` knows connections.
// Tests: test/integration/leased-node-redis.test.ts
import { EventEmitter } from "node:events";
import type { Emitter, MessageClient } from "./redis-client.js";

/** What hears channels, of node-redis. */
export interface NodeRedisSubscriber extends Emitter {
  connect(): Promise<unknown>;
  destroy(): void;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
}

/** It connects again, and subscribes again, by itself. */
export function hearOnDuplicate(
  duplicate: () => NodeRedisSubscriber,
  channel: string,
  onText: (text: string) => void,
): () => void {
  const own = duplicate();
  let isClosed = false;
  own.on("error", ignore);
  own
    .connect()
    .then(() => (isClosed ? destroy(own) : own.subscribe(channel, onText)))
    .catch(ignore);
  return () => {
    isClosed = true;
    destroy(own);
  };
}

/**
 * node-redis connects again and subscribes again by itself. Whether that has come in time need not be known: a reader that has missed
 * a message finds it out by the numbers, before its lease is longer.
 */
export class NodeRedisMessages implements MessageClient {
  readonly #duplicate: () => NodeRedisSubscriber;
  readonly #emitter = new EventEmitter();
  #own: NodeRedisSubscriber | undefined;
  #isReady = false;

  constructor(duplicate: () => NodeRedisSubscriber) {
    this.#duplicate = duplicate;
  }

  get status(): string {
    if (this.#isReady) return "ready";
    return this.#own ? "connecting" : "end";
  }

  on(event: string, listener: (...args: never[]) => void): this {
    this.#emitter.on(event, listener as never);
    return this;
  }

  async connect(): Promise<void> {
    const own = this.#duplicate();
    this.#own = own;
    const ifOwn = (told: () => void) => () => {
      if (this.#own === own) told();
    };
    const lost = ifOwn(() => this.#lost());
    own.on("error", ignore);
    own.on("reconnecting", lost);
    own.on("terminated", lost);
    own.on(
      "ready",
      ifOwn(() => {
        this.#isReady = true;
        this.#emitter.emit("ready");
      }),
    );
    try {
      await own.connect();
    } catch {
      // Its reconnectStrategy has given up.
      if (this.#own !== own) return;
      this.#own = undefined;
      this.#lost();
      this.#emitter.emit("end");
    }
  }

  async subscribe(...channels: string[]): Promise<void> {
    const own = this.#own;
    const hear = (channel: string) => own?.subscribe(channel, this.#hearer(channel, own));
    await Promise.all(channels.map(hear));
  }

  disconnect(reconnect = false): void {
    const own = this.#own;
    this.#own = undefined;
    this.#lost();
    destroy(own);
    if (reconnect) void this.connect();
  }

  /** Messages of a connection that has been given up are nobody's. */
  #hearer(channel: string, own: NodeRedisSubscriber): (text: string) => void {
    return (text) => {
      if (this.#own === own) this.#emitter.emit("message", channel, text);
    };
  }

  #lost(): void {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#emitter.emit("close");
  }
}

/**
 * In a turn of its own. Whoever hears a message may end its hearing, and node-redis is within its decoder
 * then: `destroy` would have it decode the same bytes again, without an end.
 */
function destroy(own: NodeRedisSubscriber | undefined): void {
  void Promise.resolve()
    .then(() => own?.destroy())
    // It was not connected.
    .catch(ignore);
}

function ignore(): void {}
