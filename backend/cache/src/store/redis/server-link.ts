// One connection to one server: who the server is, proven with every answer, and the scripts that it has been brought.
// Tests: test/faults/demoted-master.test.ts, test/faults/nameless-server.test.ts

import { BackOff } from "../../back-off.js";
import { isError } from "../../thrown.js";
import { clearTimeout, setTimeout, type Timer } from "../../timers.js";
import { NotConnected, StoreFull, ValueTooLarge } from "../store-errors.js";
import { isOfReplica, messageOf, reasonIn, refusesForGood, refusesSize } from "./error-messages.js";
import { heedGreetings } from "./greetings.js";
import { Listeners } from "./listeners.js";
import type { Parked, RedisClient, ScriptArgument } from "./redis-client.js";
import { ScriptCalls, type ScriptName } from "./script-calls.js";
import {
  identityAfter,
  identityOf,
  type Proof,
  type ServerIdentity,
  UnusableServer,
} from "./server-identity.js";

export interface LinkListener {
  /** The server has become known, or is not known any more. */
  changed(): void;
  /** Why a server that is connected cannot be used. */
  troubled(reason: string): void;
  /** It can be used, and the operator should know this. */
  noticed(notice: string): void;
  /** It is a replica: another server is the one to ask. */
  misled(): void;
  /** It may be another one by now. Absent: it is asked anew who it is. */
  doubted?(): void;
}

const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 2000;

const NODE_OF_CLUSTER = "the server is a node of a Redis Cluster: pass redis: { cluster: [{ host, port }] }";

export class ServerLink {
  readonly client: RedisClient;
  readonly scripts = new ScriptCalls();
  readonly #listener: LinkListener;
  readonly #isOfCluster: boolean;
  readonly #listeners = new Listeners();
  readonly #retries = new BackOff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #identity: ServerIdentity | undefined;
  /** Counts connections: what was asked on an older one says nothing about the present one. */
  #connection = 0;
  /** Counts questions who the server is: only the last one's answer counts. */
  #question = 0;
  #retry: Timer | undefined;

  /** @param isOfCluster whether other servers have keys, too */
  constructor(client: RedisClient, listener: LinkListener, isOfCluster = false) {
    this.client = client;
    this.#listener = listener;
    this.#isOfCluster = isOfCluster;
    heedGreetings(client, this.#listeners, (greeting) => listener.troubled(greeting));
    this.#listeners.add(client, "ready", () => {
      this.#connection++;
      this.scripts.forget();
      this.#learn();
    });
    this.#listeners.add(client, "close", () => this.#forget());
    this.#listeners.add(client, "end", () => {
      this.#forget();
      listener.changed();
    });
    if (client.status === "ready") this.#learn();
  }

  /** The server behind the connection; `undefined` while it is not known. */
  get identity(): ServerIdentity | undefined {
    return this.#identity;
  }

  /** @throws NotConnected */
  get id(): string {
    if (this.#identity === undefined || this.client.status !== "ready")
      throw new NotConnected("not connected");
    return this.#identity.id;
  }

  /** Leaves the client as it was found. */
  stop(): void {
    this.#listeners.removeAll();
    clearTimeout(this.#retry);
    this.#question++;
  }

  /** @param parked a value that is put down for the script, in the same write */
  async script(
    name: ScriptName,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    parked?: Parked,
  ): Promise<unknown> {
    const { client } = this;
    try {
      return await this.scripts.run({ name, keys, args }, async (ask) => {
        if (!parked) return ask(client);
        const { key, value, ttlMs } = parked;
        const park = () => Promise.all([client.set(key, value, "PX", ttlMs), ask(client)]);
        return (await inOnePiece(client, park))[1];
      });
    } catch (error) {
      throw this.explain(error);
    }
  }

  /**
   * Like {@link script}, {@link proven}; the reply as texts, or as bytes.
   *
   * @param ahead sends what is to be answered before it, on the same connection
   */
  provenScript(
    name: ScriptName,
    keys: readonly string[],
    args: readonly ScriptArgument[],
    asBytes = false,
    ahead?: (client: RedisClient) => void,
  ): Promise<unknown> {
    const [key = ""] = keys;
    return this.scripts.run({ name, keys, args, asBytes }, (ask) =>
      this.proven(key, (client) => {
        ahead?.(client);
        return ask(client);
      }),
    );
  }

  /** Reads on this connection, {@link proven}. */
  async read(fenceKeys: readonly string[], entryKeys: readonly string[]) {
    const key = fenceKeys[0] ?? "";
    if (entryKeys.length === 0)
      return { fences: await this.proven(key, (client) => client.mget(fenceKeys)), entries: [] };
    const values = await this.proven(key, (client) => client.mgetBuffer([...fenceKeys, ...entryKeys]));
    const entries = values.splice(fenceKeys.length);
    return { fences: values.map((value) => value?.toString("latin1") ?? null), entries };
  }

  /**
   * What a server answers that has proved, after it and in the same round trip, that it is a master;
   * {@link id} says which one, then.
   *
   * @param key any of those that the command is for
   * @throws NotConnected, UnusableServer, and what the command is refused with
   */
  async proven<T>(key: string, send: (client: RedisClient) => Promise<T>): Promise<T> {
    const { client } = this;
    const connection = this.#connection;
    try {
      const proof = this.#identity?.proof;
      if (!proof) throw new NotConnected("not connected");
      // One after the other on one connection: what is true when the second is answered was true when the
      // first was.
      const [answer, proved] = await inOnePiece(client, () =>
        Promise.all([send(client), askFor(client, proof, key)]),
      );
      // A client may have connected anew and sent one of them again, to another server.
      if (connection !== this.#connection)
        throw new NotConnected("the connection was lost while it was asked");
      this.confirm(proof, proved);
      return answer;
    } catch (error) {
      throw this.explain(error);
    }
  }

  /**
   * Heeds what a server said of itself behind an answer.
   *
   * @param proved what it answered to this proof, if that was no error
   * @throws UnusableServer where the answer cannot be believed
   */
  confirm(proof: Proof, proved: unknown): void {
    if (!this.#identity || proof !== "info") return;
    try {
      this.#identity = identityAfter(this.#identity, String(proved));
    } catch (error) {
      this.#doubt();
      throw error;
    }
  }

  /** Any error of this connection: what it says of the server is heeded. */
  explain(error: unknown): unknown {
    const message = messageOf(error);
    // The server is no master any more, also where the client goes on as if nothing had happened.
    if (isOfReplica(error)) this.#doubt();
    if (message.includes("OOM command not allowed")) return new StoreFull(message);
    if (refusesSize(message)) return new ValueTooLarge(message);
    if (this.client.status !== "ready" || reasonIn(error) === undefined) return new NotConnected(message);
    if (!this.#isOfCluster && /^(MOVED|CROSSSLOT)\b/.test(message)) return new Error(NODE_OF_CLUSTER);
    // It may have had keys in it, which go into no log.
    return isError(error) && error.message === message ? error : new Error(message, { cause: error });
  }

  #learn(): void {
    clearTimeout(this.#retry);
    const question = ++this.#question;
    this.#ask().then(
      (identity) => {
        if (question !== this.#question) return;
        this.#retries.reset();
        this.#identity = identity;
        if (identity.notice !== undefined) this.#listener.noticed(identity.notice);
        this.#listener.changed();
      },
      (error: unknown) => {
        // Where the connection was lost again the next `ready` asks anew.
        if (question !== this.#question || this.client.status !== "ready") return;
        const reason = reasonIn(error);
        if (reason !== undefined) this.#listener.troubled(reason);
        if (error instanceof UnusableServer && error.isReplica) this.#listener.misled();
        this.#retry = setTimeout(() => {
          if (question === this.#question) this.#learn();
        }, this.#retries.next()).unref();
      },
    );
  }

  async #ask(): Promise<ServerIdentity> {
    const { client } = this;
    const [, server, replication] = await Promise.all([
      selectDatabase(client),
      unlessRefused(client.info("server")),
      unlessRefused(client.info("replication")),
    ]);
    const identity = identityOf(server, replication, client.connector?.configEpoch);
    return identity.isOwn && (await mayWait(client)) ? { ...identity, proof: "wait" } : identity;
  }

  #doubt(): void {
    this.#forget();
    if (this.#listener.doubted) this.#listener.doubted();
    else if (this.client.status === "ready") this.#learn();
  }

  #forget(): void {
    this.#question++;
    clearTimeout(this.#retry);
    if (this.#identity === undefined) return;
    this.#identity = undefined;
    this.#listener.changed();
  }
}

/** What is sent in two pieces may wait on its way until the first has been acknowledged. */
function inOnePiece<T>({ stream }: RedisClient, send: () => T): T {
  stream?.cork?.();
  try {
    return send();
  } finally {
    stream?.uncork?.();
  }
}

/** ioredis goes on in database 0 where it is refused another one: entries of two apps would then mix. */
async function selectDatabase(client: RedisClient): Promise<void> {
  const database = client.condition?.select ?? client.options?.db;
  if (database === undefined || database === null || Number(database) === 0) return;
  try {
    await client.select(database);
  } catch (error) {
    if (client.status !== "ready") throw error;
    throw new UnusableServer(
      `SELECT ${database} was refused (${messageOf(error)}), and database 0 is not used instead: ` +
        "leave the database out, and give each app a keyPrefix of its own",
    );
  }
}

/** @throws UnusableServer where it is a replica, which says so in words of its own */
async function mayWait(client: RedisClient): Promise<boolean> {
  try {
    return (await unlessRefused(client.wait(0, 0))) !== undefined;
  } catch (error) {
    if (isOfReplica(error)) throw new UnusableServer(messageOf(error), true);
    throw error;
  }
}

/** `undefined` where the server does not answer to such a command. */
async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (refusesForGood(error)) return undefined;
    throw error;
  }
}

function askFor(client: RedisClient, proof: Proof, key: string): Promise<unknown> {
  if (proof === "wait") return client.wait(0, 0);
  return proof === "info" ? client.info("replication") : client.getex(key);
}
