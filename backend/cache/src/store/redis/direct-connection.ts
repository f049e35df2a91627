// A second connection, past the client's own ways: replies arrive in one buffer that is used again, and values leave uncopied.
import net from "node:net";
import tls from "node:tls";
import { BackOff } from "../../back-off.js";
import { isError } from "../../thrown.js";
import { clearTimeout, monotonicNow, nextTurn, setImmediate, setTimeout, type Timer } from "../../timers.js";
import { type ArrayQuestion, ArrayReplies, type ArrayValue, OWN_ROOM } from "./array-replies.js";
import { connectAgainOnEnd } from "./connect-again.js";
import { type JoinedWrite, joinWrite } from "./joined-write.js";
import type { RedisClient } from "./redis-client.js";
import { type Proof, proofCommand } from "./server-identity.js";
import { ServerLink } from "./server-link.js";

/** Replies of a busy turn in one or two reads. */
const BUFFER_BYTES = 256 * 1024;
/**
 * A server that hangs is everybody's; a connection of ours that does is replaced, and meanwhile the other one
 * is asked.
 */
const SILENT_MS = 250;
const RECONNECT_MS = 200;

/** The connection has gone, or is about to: the other one can be asked instead. */
export class DirectConnectionLost extends Error {
  override readonly name = "DirectConnectionLost";
}

/** Behind a proxy that leads to several servers this must not become a storm. */
const RENEWED_AT_MOST_EVERY_MS = 10_000;

interface Pending extends ArrayQuestion {
  readonly write: JoinedWrite;
  /** Absent where it was not asked for one. */
  readonly proof: Proof | undefined;
  resolve(values: ArrayValue[]): void;
  reject(error: unknown): void;
}

export interface DirectQuestion extends Pick<ArrayQuestion, "count" | "texts" | "hasStatus"> {
  /** Any of the keys that it is about. Absent: the answer is not proven. */
  readonly proveBy?: string;
  readonly room?: ArrayQuestion["room"];
}

/** What of ioredis's options a connector looks at. */
interface ConnectorOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string | null;
  readonly family?: number;
  readonly tls?: tls.ConnectionOptions;
}

/** An ioredis connector: of all majors, by its shape. */
export type ConnectorClass = new (options: ConnectorOptions) => object;

/**
 * ioredis connects, logs in, and connects again; once it is done, commands and replies no longer pass through
 * it. It reads into buffers of 64 KiB that are V8's to collect: 30 KB for each hit of 20 KB, which have V8
 * collect its old generation ten times a second.
 */
export class DirectConnection {
  readonly #client: RedisClient;
  readonly #link: ServerLink;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #stream: net.Socket | undefined;
  #replies: ArrayReplies | undefined;
  #pending: Pending[] = [];
  #answeredAtMs = 0;
  #lastWrite: JoinedWrite = { sentAtMs: 0 };
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #watch: Timer | undefined;

  /**
   * @param create makes the ioredis client that uses this connector
   * @param backOff how long the client waits before it connects again
   */
  constructor(
    create: (connector: ConnectorClass) => RedisClient,
    backOff = new BackOff(RECONNECT_MS, RECONNECT_MS),
  ) {
    this.#client = create(this.#connectorClass());
    this.#link = new ServerLink(this.#client, {
      changed: () => {
        if (this.#link.identity !== undefined) backOff.reset();
        this.#turn();
      },
      // The store's own connection reports what is wrong.
      troubled: ignore,
      noticed: ignore,
      misled: () => this.#client.disconnect(true),
      // Replies to what was asked before may still come: on this connection no more can be asked.
      doubted: () => this.#stream?.destroy(),
    });
    // Without a listener an error would be thrown.
    this.#client.on("error", ignore);
    connectAgainOnEnd(this.#client, backOff, () => this.#isClosed);
  }

  /** The server that answers; `undefined` while it cannot be asked. */
  get runId(): string | undefined {
    return this.#replies && this.#link.identity?.id;
  }

  /** Connects, unless it has been begun. */
  begin(): void {
    if (this.#client.status === "wait") this.#client.connect?.().catch(ignore);
  }

  /** Whether it leads to the server that the store's own connection leads to. */
  leadsTo(link: ServerLink): boolean {
    const { runId } = this;
    // An id that only one connection knows says nothing of the other one's server.
    if (runId === undefined || link.identity?.isOwn) return false;
    if (runId === link.id) return true;
    // Another server has taken the place of the one that it was connected to, or the same one has a new id.
    this.renew();
    return false;
  }

  /**
   * Asks for what is answered with a list of values, of which the first `texts` are texts, and the others bytes in the room
   * that they are given. With them the server proves that it still is the master that it was, where `proveBy` names a key.
   *
   * @param pieces the command, as RESP has it; bytes among them are not copied
   * @throws DirectConnectionLost where the connection goes before the answer has come, or the server is no
   *   master by then
   */
  ask(pieces: readonly (string | Buffer)[], question: DirectQuestion): Promise<ArrayValue[]> {
    const stream = this.#stream;
    const known = this.#replies && this.#link.identity?.proof;
    if (!stream || !known) return Promise.reject(new DirectConnectionLost("not connected"));
    const { count, texts, proveBy, hasStatus = false, room = OWN_ROOM } = question;
    const proof = proveBy === undefined ? undefined : known;
    return new Promise((resolve, reject) => {
      const hasProof = proof !== undefined;
      const write = joinWrite(stream, this.#lastWrite);
      this.#lastWrite = write;
      this.#pending.push({ count, texts, hasProof, hasStatus, room, write, proof, resolve, reject });
      this.#watch ??= this.#watchFor(SILENT_MS);
      const proving = proof === undefined ? "" : proofCommand(proof, proveBy ?? "");
      let text = "";
      for (const piece of pieces) {
        if (typeof piece === "string") text += piece;
        else {
          if (text !== "") stream.write(text);
          stream.write(piece);
          text = "";
        }
      }
      stream.write(text + proving);
    });
  }

  /** Connects anew, where another server has become the right one to ask. */
  renew(): void {
    if (monotonicNow() - this.#renewedAtMs < RENEWED_AT_MOST_EVERY_MS) return;
    this.#renewedAtMs = monotonicNow();
    this.#client.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#watch);
    this.#link.stop();
    this.#client.disconnect();
  }

  /** Called when the server becomes known, after ioredis's last command, and when the connection has gone. */
  #turn(): void {
    this.#replies = this.#link.identity ? this.#newReplies() : undefined;
    if (!this.#replies) this.#lose(new DirectConnectionLost("the connection was closed"));
  }

  #newReplies(): ArrayReplies {
    return new ArrayReplies({
      next: () => this.#pending[0],
      values: (values, proof) => {
        const asked = this.#pending.shift();
        if (!asked) return;
        try {
          if (asked.proof) this.#link.confirm(asked.proof, proof);
        } catch (error) {
          asked.reject(new DirectConnectionLost("the server is no master any more", { cause: error }));
          return;
        }
        asked.resolve(values);
      },
      refused: (message) => this.#pending.shift()?.reject(this.#link.explain(new Error(message))),
    });
  }

  #receive(stream: net.Socket, bytes: number): void {
    // ioredis's own exchange: it keeps what it gets.
    if (!this.#replies) stream.emit("data", Buffer.from(this.#buffer.subarray(0, bytes)));
    else if (this.#pending.length === 0) stream.destroy(new Error("a reply that nobody has asked for"));
    else {
      this.#answeredAtMs = monotonicNow();
      try {
        this.#replies.take(this.#buffer, bytes);
      } catch (error) {
        stream.destroy(isError(error) ? error : undefined);
      }
    }
  }

  /**
   * Looks two turns later: timers come first in a turn, and what has arrived while this process was busy is
   * read after them.
   */
  #watchFor(delayMs: number): Timer {
    const look = () => this.#replaceIfSilent();
    return setTimeout(() => setImmediate(() => setImmediate(look)), delayMs).unref();
  }

  #replaceIfSilent(): void {
    this.#watch = undefined;
    const [oldest] = this.#pending;
    if (!oldest) return;
    const silentMs = monotonicNow() - Math.max(oldest.write.sentAtMs, this.#answeredAtMs);
    if (silentMs < SILENT_MS) {
      this.#watch = this.#watchFor(SILENT_MS - silentMs);
      return;
    }
    this.#replies = undefined;
    this.#stream?.destroy();
    this.#lose(new DirectConnectionLost("no answer"));
  }

  #lose(error: Error): void {
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  #connectorClass(): ConnectorClass {
    const open = (options: ConnectorOptions) => this.#open(options);
    return class ReadConnector {
      readonly #options: ConnectorOptions;
      #isWanted = false;
      #stream: net.Socket | undefined;
      firstError: Error | undefined;

      constructor(options: ConnectorOptions) {
        this.#options = options;
      }

      check(): boolean {
        return true;
      }

      async connect(): Promise<net.Socket> {
        this.#isWanted = true;
        // ioredis does not expect to be connected in the turn in which it asks.
        await nextTurn();
        if (!this.#isWanted) throw new Error("Connection is closed.");
        this.#stream = open(this.#options);
        this.#stream.once("error", (error) => {
          this.firstError = error;
        });
        return this.#stream;
      }

      disconnect(): void {
        this.#isWanted = false;
        this.#stream?.destroy();
      }
    };
  }

  #open({ host, port, path, family, tls: tlsOptions }: ConnectorOptions): net.Socket {
    const at = path ? { path } : { host: host ?? "localhost", port: port ?? 6379, ...(family && { family }) };
    const onread = {
      buffer: this.#buffer,
      callback: (bytes: number) => {
        this.#receive(stream, bytes);
        return true;
      },
    };
    const options = { ...at, onread };
    const stream: net.Socket = tlsOptions ? tls.connect({ ...options, ...tlsOptions }) : net.connect(options);
    this.#stream = stream;
    return stream;
  }
}

function ignore(): void {}
