// A client of node-redis (5 and later), as the store knows clients: its commands by name, its events by those of ioredis.
// Tests: test/contract/node-redis-store.test.ts, test/faults/node-redis.test.ts
import { EventEmitter } from "node:events";
import { hearOnDuplicate, NodeRedisMessages, type NodeRedisSubscriber } from "./node-redis-messages.js";
import type { Emitter, MessageClient, RedisClient, ScriptArgument } from "./redis-client.js";

/** What of node-redis is called: `createClient()` of 5 and later, and the clients of a Cluster's nodes. */
export interface NodeRedis extends Emitter {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: { readonly keyPrefix?: string; readonly socket?: object } | undefined;
  sendCommand(args: readonly CommandArgument[], options: ReplyOptions): Promise<unknown>;
  duplicate(overrides: object): NodeRedisSubscriber;
}

export type CommandArgument = string | Buffer;

/** How replies are made from what the server sends: by the byte that each type of RESP begins with. */
export interface ReplyOptions {
  readonly typeMapping: Readonly<Record<number, unknown>>;
}

/** As texts, numbers and arrays, whatever the user's client is told to make of replies. */
const AS_TEXT: ReplyOptions = { typeMapping: {} };
/** `$`, a bulk string. */
const AS_BYTES: ReplyOptions = { typeMapping: { 36: Buffer } };

/** Its wait keeps a process alive that has closed the cache, and cannot be cut short. */
const RECONNECT_MS = 200;

const CLOSED =
  "the node-redis client that was passed is not connected: await its connect(), and it reconnects by itself";

/** What of the user's client is listened to, as long as anybody listens here. */
export type Heeded = readonly (readonly [theirs: string, listener: (...args: never[]) => void])[];

/** The commands of the store, by one way to send them; and events, while somebody listens. */
export abstract class NodeRedisCommands implements RedisClient {
  readonly whenEnded: string = CLOSED;
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  #listening = 0;

  abstract readonly status: string;
  abstract readonly options: RedisClient["options"];

  /** @param key what the command is for; the first of several */
  protected abstract send(
    key: string,
    args: readonly CommandArgument[],
    options: ReplyOptions,
  ): Promise<unknown>;
  /** A client of the same kind, which is not connected. */
  protected abstract newSubscriber(): NodeRedisSubscriber;
  protected abstract heed(): void;
  protected abstract ignore(): void;

  protected tell(event: string, ...args: unknown[]): void {
    // An error that nobody listens to is thrown; those of a Cluster's nodes are told by the Cluster.
    if (this.#emitter.listenerCount(event) > 0) this.#emitter.emit(event, ...args);
  }

  on(event: string, listener: (...args: never[]) => void): this {
    this.#emitter.on(event, listener as never);
    if (this.#listening++ === 0) this.heed();
    return this;
  }

  off(event: string, listener: (...args: never[]) => void): this {
    const before = this.#emitter.listenerCount(event);
    this.#emitter.off(event, listener as never);
    if (this.#emitter.listenerCount(event) < before && --this.#listening === 0) this.ignore();
    return this;
  }

  /** It is the user's to close, and connects again by itself. */
  disconnect(): void {}

  hear(channel: string, onText: (text: string) => void): () => void {
    return hearOnDuplicate(() => this.newSubscriber(), channel, onText);
  }

  select(database: number | string): Promise<unknown> {
    return this.send("", ["SELECT", String(database)], AS_TEXT);
  }
  mget(keys: readonly string[]): Promise<(string | null)[]> {
    return this.send(keys[0] ?? "", ["MGET", ...keys], AS_TEXT) as Promise<(string | null)[]>;
  }
  mgetBuffer(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.send(keys[0] ?? "", ["MGET", ...keys], AS_BYTES) as Promise<(Buffer | null)[]>;
  }
  getex(key: string): Promise<unknown> {
    return this.send(key, ["GETEX", key], AS_TEXT);
  }
  wait(replicas: number, timeoutMs: number): Promise<unknown> {
    return this.send("", ["WAIT", String(replicas), String(timeoutMs)], AS_TEXT);
  }
  eval(lua: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown> {
    return this.#script("EVAL", lua, keyCount, args, AS_TEXT);
  }
  evalBuffer(lua: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown> {
    return this.#script("EVAL", lua, keyCount, args, AS_BYTES);
  }
  evalsha(sha1: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown> {
    return this.#script("EVALSHA", sha1, keyCount, args, AS_TEXT);
  }
  evalshaBuffer(sha1: string, keyCount: number, ...args: ScriptArgument[]): Promise<unknown> {
    return this.#script("EVALSHA", sha1, keyCount, args, AS_BYTES);
  }
  set(key: string, value: string | Buffer, ...args: (string | number)[]): Promise<unknown> {
    return this.send(key, ["SET", key, value, ...args.map(String)], AS_TEXT);
  }
  unlink(...keys: string[]): Promise<number> {
    return this.send(keys[0] ?? "", ["UNLINK", ...keys], AS_TEXT) as Promise<number>;
  }
  zrange(key: string, first: number, last: number): Promise<string[]> {
    return this.send(key, ["ZRANGE", key, String(first), String(last)], AS_TEXT) as Promise<string[]>;
  }
  zscore(key: string, member: string): Promise<string | null> {
    return this.send(key, ["ZSCORE", key, member], AS_TEXT) as Promise<string | null>;
  }
  scan(cursor: string, ...args: (string | number)[]): Promise<[cursor: string, keys: string[]]> {
    return this.send("", ["SCAN", cursor, ...args.map(String)], AS_TEXT) as Promise<[string, string[]]>;
  }
  strlen(key: string): Promise<number> {
    return this.send(key, ["STRLEN", key], AS_TEXT) as Promise<number>;
  }
  info(section: string): Promise<string> {
    return this.send("", ["INFO", section], AS_TEXT) as Promise<string>;
  }
  dbsize(): Promise<number> {
    return this.send("", ["DBSIZE"], AS_TEXT) as Promise<number>;
  }
  publish(channel: string, message: string): Promise<unknown> {
    return this.send("", ["PUBLISH", channel, message], AS_TEXT);
  }

  #script(
    command: string,
    script: string,
    keyCount: number,
    args: readonly ScriptArgument[],
    options: ReplyOptions,
  ): Promise<unknown> {
    const texts = args.map((arg) => (typeof arg === "number" ? String(arg) : arg));
    return this.send(String(args[0] ?? ""), [command, script, String(keyCount), ...texts], options);
  }
}

/** One connection. */
export class NodeRedisClient extends NodeRedisCommands {
  readonly options: RedisClient["options"];
  readonly #client: NodeRedis;
  readonly #heeded: Heeded = [
    ["ready", () => this.tell("ready")],
    // It says nothing else when a connection is lost, and the same before each attempt.
    ["reconnecting", () => this.#lost()],
    ["end", () => this.tell("end")],
    // Its reconnectStrategy has given up.
    ["terminated", () => this.tell("end")],
    ["error", (error: unknown) => this.tell("error", error)],
  ];

  /** @param place of a Cluster's node */
  constructor(
    client: NodeRedis,
    place: { readonly host: string; readonly port: number } | undefined = undefined,
  ) {
    super();
    this.#client = client;
    this.options = { ...place, keyPrefix: client.options?.keyPrefix };
  }

  get status(): string {
    if (this.#client.isReady) return "ready";
    return this.#client.isOpen ? "connecting" : "end";
  }

  protected newSubscriber(): NodeRedisSubscriber {
    const { socket } = this.#client.options ?? {};
    return this.#client.duplicate({ socket: { ...socket, reconnectStrategy: () => RECONNECT_MS } });
  }

  newMessages(): MessageClient {
    return new NodeRedisMessages(() => this.newSubscriber());
  }

  protected send(_key: string, args: readonly CommandArgument[], options: ReplyOptions): Promise<unknown> {
    return this.#client.sendCommand(args, options);
  }

  protected heed(): void {
    for (const [event, listener] of this.#heeded) this.#client.on(event, listener);
  }

  protected ignore(): void {
    for (const [event, listener] of this.#heeded) this.#client.off(event, listener);
  }

  #lost(): void {
    this.tell("close");
    this.tell("reconnecting");
  }
}
