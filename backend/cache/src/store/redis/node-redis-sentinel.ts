// A master that node-redis finds through Sentinel, as the store knows clients.
// Tests: test/contract/node-redis-store.test.ts
import { setTimeout } from "../../timers.js";
import { type CommandArgument, type Heeded, NodeRedisCommands, type ReplyOptions } from "./node-redis.js";
import type { NodeRedisSubscriber } from "./node-redis-messages.js";
import type { Emitter, RedisClient } from "./redis-client.js";

/** What of `createSentinel()` is called. */
export interface NodeRedisSentinel extends Emitter {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  /** node-redis 5 has none. */
  duplicate?(): NodeRedisSubscriber;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  sendCommand(isReadonly: boolean, args: readonly CommandArgument[], options: ReplyOptions): Promise<unknown>;
}

/** How often a master that was lost is asked whether it, or another one, is there. */
const LOOK_EVERY_MS = 50;

/**
 * node-redis tells when a master is lost or another one has been named, but not when that can be used: it is
 * asked. Its connections to one master are taken for one: with several (`masterPoolSize`) an answer and its
 * proof may come from two, which lead to two servers only where the proof says so.
 */
export class NodeRedisSentinelClient extends NodeRedisCommands {
  readonly options: RedisClient["options"] = undefined;
  readonly #sentinel: NodeRedisSentinel;
  #isUp = false;
  #isLooking = false;
  #isHeeding = false;
  readonly #heeded: Heeded = [
    ["topology-change", ({ type }: { readonly type?: unknown }) => type === "MASTER_CHANGE" && this.#lost()],
    ["client-error", ({ type }: { readonly type?: unknown }) => type === "MASTER" && this.#lost()],
    ["error", (error: unknown) => this.tell("error", error)],
  ];

  constructor(sentinel: NodeRedisSentinel) {
    super();
    this.#sentinel = sentinel;
  }

  get status(): string {
    if (!this.#sentinel.isOpen) return "end";
    return this.#isUp && this.#sentinel.isReady ? "ready" : "connecting";
  }

  protected newSubscriber(): NodeRedisSubscriber {
    return this.#sentinel.duplicate?.() ?? ownChannels(this.#sentinel);
  }

  protected send(_key: string, args: readonly CommandArgument[], options: ReplyOptions): Promise<unknown> {
    return this.#sentinel.sendCommand(false, args, options);
  }

  protected heed(): void {
    this.#isHeeding = true;
    for (const [event, listener] of this.#heeded) this.#sentinel.on(event, listener);
    void this.#look();
  }

  protected ignore(): void {
    this.#isHeeding = false;
    this.#isUp = false;
    for (const [event, listener] of this.#heeded) this.#sentinel.off(event, listener);
  }

  #lost(): void {
    this.#isUp = false;
    this.tell("close");
    void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      while (this.#isHeeding && !this.#isUp) {
        if (this.#sentinel.isReady && (await this.#answers())) {
          this.#isUp = true;
          this.tell("ready");
          return;
        }
        await new Promise<void>((resolve) => setTimeout(resolve, LOOK_EVERY_MS).unref());
      }
    } finally {
      this.#isLooking = false;
    }
  }

  #answers(): Promise<boolean> {
    return this.send("", ["PING"], { typeMapping: {} }).then(
      () => true,
      () => false,
    );
  }
}

/** The user's sentinel keeps one connection for all channels, and leads it to the next master by itself. */
function ownChannels(sentinel: NodeRedisSentinel): NodeRedisSubscriber {
  const ends: (() => Promise<unknown>)[] = [];
  let isEnded = false;
  return {
    // Its errors are the user's to hear.
    on: () => undefined,
    off: () => undefined,
    connect: async () => {
      while (!sentinel.isReady && !isEnded)
        await new Promise<void>((resolve) => setTimeout(resolve, LOOK_EVERY_MS).unref());
    },
    subscribe: async (channel, listener) => {
      ends.push(() => sentinel.unsubscribe(channel, listener));
      return sentinel.subscribe(channel, listener);
    },
    destroy: () => {
      isEnded = true;
      for (const end of ends.splice(0)) end().catch(() => undefined);
    },
  };
}
