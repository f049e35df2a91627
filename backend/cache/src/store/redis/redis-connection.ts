// Whether Redis can be used, and if not, why: what the client's events and the servers behind it say, as the engine is told it.
import { BackOff } from "../../back-off.js";
import { monotonicNow } from "../../timers.js";
import type { StoreListener } from "../store.js";
import { ClusterServers } from "./cluster-servers.js";
import type { Connection } from "./connect.js";
import { connectAgainOnEnd } from "./connect-again.js";
import { endClient } from "./end-client.js";
import { reasonIn } from "./error-messages.js";
import { Listeners } from "./listeners.js";
import { isClusterClient, type RedisClient } from "./redis-client.js";
import { type Servers, SingleServer } from "./servers.js";

/** A connection that took longer is to a server that sentinels named too long ago. */
const PROMPT_MS = 1000;
const RECONNECT_MS = 200;

export class RedisConnection {
  readonly client: RedisClient;
  readonly servers: Servers;
  readonly #owned: boolean;
  readonly #backOff: BackOff;
  readonly #onUp: () => void;
  readonly #listeners = new Listeners();
  readonly #notices = new Set<string>();
  #listener: StoreListener | undefined;
  #isUp = false;
  #isClosed = false;
  /** When the connection began to be made; a client that is passed may have had its for long. */
  #connectingSinceMs = Number.POSITIVE_INFINITY;
  /** The newest reason why the store is away; `undefined` where nothing but that is known. */
  #reason: string | undefined;
  #reconnectAttempts = 0;

  /** @param onUp called whenever the servers have become usable */
  constructor({ client, owned, backOff }: Connection, onUp: () => void) {
    this.client = client;
    this.#owned = owned;
    this.#backOff = backOff ?? new BackOff(RECONNECT_MS, RECONNECT_MS);
    this.#onUp = onUp;
    const listener = {
      changed: () => this.#report(),
      troubled: (reason: string) => this.#explain(reason),
      noticed: (notice: string) => this.notice(notice),
      misled: () => void this.#askElsewhere(),
    };
    this.servers = isClusterClient(client)
      ? new ClusterServers(client, listener)
      : new SingleServer(client, listener);
    this.#listeners.add(client, "connecting", () => {
      this.#connectingSinceMs = monotonicNow();
    });
    this.#listeners.add(client, "reconnecting", () => {
      this.#reconnectAttempts++;
    });
    this.#listeners.add(client, "error", (error: unknown) => this.#explain(reasonIn(error)));
    if (owned) connectAgainOnEnd(client, this.#backOff, () => this.#isClosed);
    // The store sends nothing before it is connected, so a client that waits for the first command would wait
    // for ever.
    if (client.status === "wait") client.connect?.().catch(() => undefined);
  }

  /** Connections that were tried since the store could last be used. */
  get reconnectAttempts(): number {
    return this.#reconnectAttempts;
  }

  listen(listener: StoreListener): void {
    this.#listener = listener;
    for (const notice of this.#notices) listener.notice?.(notice);
    this.#report();
    if (!this.#isUp && this.#reason !== undefined) listener.down(this.#reason);
  }

  /** Sentinels are asked anew which server is the master; others have nobody to ask. */
  renew(): boolean {
    if (!this.client.options?.sentinels) return false;
    this.client.disconnect(true);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.servers.close();
    this.#listeners.removeAll();
    if (!this.#owned) return;
    // What it still says on its way out is of no interest, but an error that nobody listens to is thrown.
    this.client.on("error", () => undefined);
    endClient(this.client);
  }

  /**
   * A URL may lead to another server by now. A client of the user's goes where the user sends it, and is
   * asked again.
   */
  #askElsewhere(): void {
    if (this.#owned) this.client.disconnect(true);
    else this.renew();
  }

  #explain(reason: string | undefined): void {
    if (reason === undefined) return;
    this.#reason = reason;
    if (!this.#isUp) this.#listener?.down(reason);
  }

  /** Told once, also before anybody listens. */
  notice(notice: string): void {
    if (this.#notices.has(notice)) return;
    this.#notices.add(notice);
    this.#listener?.notice?.(notice);
  }

  /** The client and the servers become usable in either order: a Cluster is ready apart from its nodes. */
  #report(): void {
    if (this.client.status === "end" && !this.#owned)
      this.#explain(
        this.client.whenEnded ?? "the ioredis client that was passed is closed: make another one",
      );
    const isUp = this.client.status === "ready" && this.servers.known;
    if (isUp === this.#isUp) return;
    // A master that hung while we connected may have been replaced before it answered.
    if (isUp && monotonicNow() - this.#connectingSinceMs > PROMPT_MS && this.renew()) return;
    this.#isUp = isUp;
    if (!isUp) {
      this.#listener?.down(this.#reason);
      return;
    }
    this.#reason = undefined;
    this.#reconnectAttempts = 0;
    this.#backOff.reset();
    this.#onUp();
    this.#listener?.up();
  }
}
