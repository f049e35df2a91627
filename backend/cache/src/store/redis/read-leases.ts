// Read leases of one process on one server: it holds one while hits ask for it, hears what has been changed, and says that it has forgotten.
// Tests: test/integration/leased-reads.test.ts, test/faults/leased-registry.test.ts, test/faults/leased-messages.test.ts
import { later } from "../../later.js";
import { monotonicNow, type Timer } from "../../timers.js";
import { randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import { type ForgetFences, READ_LEASE_MS, type ReadLease } from "../read-lease.js";
import { LeaseMessages } from "./lease-messages.js";
import type { MessageClient, RedisClient } from "./redis-client.js";
import { removeKeys, type Servers } from "./servers.js";
import { type Settlement, ToldReaders } from "./told-readers.js";

/** Shorter than writers wait, because no two clocks go equally fast. */
const HELD_MS = 0.98 * READ_LEASE_MS;
const RENEWED_EVERY_MS = READ_LEASE_MS / 3;
/** Nobody has asked for it for so long: it is given back. */
const UNUSED_MS = 1000;
const REFUSED_FOR_MS = 1000;
const MAX_READERS = 256;
/** The clock is exact to some microseconds: a reading of the same moment may be older. */
const NEXT_MOMENT_MS = 0.01;
/** Stands for a writer where something is published only to see whether that is allowed. */
const NOBODY = "0";

/** What the registry knows of this process, and this process of what it was told. */
interface Held {
  /** Who has given the lease: what another server says of fences it does not cover. */
  readonly server: string;
  readonly generation: string;
  readonly sinceMs: number;
  told: number;
  renewals: number;
  /** An extension that waits for messages. */
  awaited: { readonly told: number; readonly sentAtMs: number; readonly sentAt: number } | undefined;
}

export class ReadLeases implements ReadLease {
  /** Names this process in the registry. */
  readonly self = randomToken().replaceAll(/[-_]/g, "");
  readonly registry: string;
  readonly told: ToldReaders;
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #messages: LeaseMessages | undefined;
  #forget: ForgetFences | undefined;
  #held: Held | undefined;
  #believedSinceMs = Number.POSITIVE_INFINITY;
  #endsAtMs = 0;
  /** By the wall clock: the other one stands still while the machine is suspended. */
  #endsAt = 0;
  #askedAtMs = 0;
  #refusedUntilMs = 0;
  #server: string | undefined;
  #ticking: Timer | undefined;
  #isRenewing = false;
  #isClosed = false;

  /**
   * @param connect makes a connection for messages; absent where none can be made: nothing is leased then
   * @param notice is told what the operator should know
   */
  constructor(
    client: RedisClient,
    servers: Servers,
    keys: KeySpace,
    connect: (() => MessageClient) | undefined,
    notice: (notice: string) => void,
  ) {
    this.#client = client;
    this.#servers = servers;
    this.registry = keys.readers();
    this.told = new ToldReaders(this.self, (settlement) => void this.#settle(settlement));
    if (!connect) return;
    this.#messages = new LeaseMessages(connect, [this.registry, this.#channelOf(this.self)], {
      subscribed: () => {
        this.#server = this.#serverId;
        if (this.#ticking) void this.#renew();
      },
      tell: async () => this.#client.publish?.(this.#channelOf(NOBODY), ""),
      heard: (channel, message) => {
        if (channel === this.registry) this.#heard(message);
        else this.#acknowledged(message);
      },
      refused: (reason) =>
        notice(
          `read leases are not held, and hits ask the store as strict ones do (${reason}): allow +subscribe +publish and &${this.registry}*; said once`,
        ),
    });
  }

  get canHold(): boolean {
    return this.#messages !== undefined;
  }

  /** From now on leases are held while they are asked for. */
  begin(forget: ForgetFences): ReadLease {
    this.#forget = forget;
    this.told.beAware();
    return this;
  }

  heldSince(nowMs: number): number {
    this.#askedAtMs = nowMs;
    // The other master may have readers and writers of its own, which have never heard of this process.
    if (nowMs < this.#endsAtMs && Date.now() < this.#endsAt && !this.#hasMoved) return this.#believedSinceMs;
    if (!this.#ticking) this.#tick();
    return Number.POSITIVE_INFINITY;
  }

  /**
   * A server has confirmed a change of fences.
   *
   * @param server who it was when it was asked
   */
  changed(reply: string, server: string): void {
    const isSame = this.#serverId === server;
    // Acknowledgements are heard from the next change on.
    if (this.told.changed(isSame || reply === "" ? reply : "-")) this.#messages?.open();
  }

  /**
   * All that is known of any fence is void, for everybody.
   * @throws NotConnected, and what the server refuses it with: readers may then go on
   */
  async voidAll(): Promise<void> {
    const link = this.#servers.of(this.registry);
    const known = await link.provenScript("voidReads", [this.registry], [link.id, randomToken()]);
    if (Number(known) === 1) this.told.beAware();
    this.told.changed("");
  }

  /**
   * Where there is no room for a new registry: without one no reader goes on believing what it knows.
   * @throws NotConnected, and what the server refuses it with: readers may then go on
   */
  async removeRegistry(): Promise<void> {
    if (Number(await removeKeys(this.#servers, [this.registry])) === 1) this.told.beAware();
    this.told.changed("");
  }

  close(): void {
    this.#isClosed = true;
    this.#endsAtMs = 0;
    this.#leave();
    this.#messages?.close();
  }

  get #hasMoved(): boolean {
    const server = this.#serverId;
    return server !== undefined && server !== this.#held?.server;
  }

  get #serverId(): string | undefined {
    return this.#servers.known ? this.#servers.of(this.registry).identity?.id : undefined;
  }

  #tick(): void {
    if (this.#isClosed) return;
    if (monotonicNow() - this.#askedAtMs > UNUSED_MS) {
      this.#ticking = undefined;
      this.#leave();
      return;
    }
    this.#ticking = later(RENEWED_EVERY_MS, () => this.#tick());
    if (this.#messages?.isSubscribed) void this.#renew();
    else this.#messages?.open();
  }

  async #renew(): Promise<void> {
    const link = this.#servers.known ? this.#servers.of(this.registry) : undefined;
    const server = link?.identity?.id;
    // An id that only this connection knows says nothing of what others call the server.
    if (!link || server === undefined || link.identity?.isOwn || this.#isRenewing) return;
    if (server !== this.#server) {
      this.#messages?.reconnect();
      return;
    }
    const sentAtMs = monotonicNow();
    if (sentAtMs < this.#refusedUntilMs) return;
    const sentAt = Date.now();
    const isRipe = this.#held !== undefined && sentAtMs - this.#held.sinceMs > READ_LEASE_MS;
    const known = this.#held?.generation ?? "";
    const args = [server, this.self, known, randomToken(), isRipe ? 1 : 0, MAX_READERS];
    this.#isRenewing = true;
    try {
      const reply = (await link.provenScript("holdReads", [this.registry], args)) as readonly unknown[];
      // Who has answered is another one by now: what it said is not what was asked for.
      if (link.identity?.id === server && !this.#isClosed) this.#renewed(server, reply, sentAtMs, sentAt);
    } catch {
      this.#refusedUntilMs = monotonicNow() + REFUSED_FOR_MS;
    } finally {
      this.#isRenewing = false;
    }
  }

  #renewed(
    server: string,
    [generation, told, renewals, wasIn]: readonly unknown[],
    sentAtMs: number,
    sentAt: number,
  ): void {
    if (Number(renewals) === 0) {
      this.#refusedUntilMs = monotonicNow() + REFUSED_FOR_MS;
      return;
    }
    const held = this.#held;
    const number = Number(told);
    if (!held || held.generation !== String(generation) || Number(wasIn) !== 1) {
      this.#held = {
        server,
        generation: String(generation),
        sinceMs: monotonicNow(),
        told: number,
        renewals: Number(renewals),
        awaited: undefined,
      };
      this.#believeFromNowOn();
      this.#extend(sentAtMs, sentAt);
      return;
    }
    held.renewals = Number(renewals);
    if (held.awaited && held.told < held.awaited.told) {
      // Its messages should have come long ago.
      held.told = number;
      held.awaited = undefined;
      this.#believeFromNowOn();
      this.#messages?.reconnect();
    }
    if (held.told >= number) this.#extend(sentAtMs, sentAt);
    else held.awaited = { told: number, sentAtMs, sentAt };
  }

  #extend(sentAtMs: number, sentAt: number): void {
    this.#endsAtMs = sentAtMs + HELD_MS;
    this.#endsAt = sentAt + HELD_MS;
  }

  #believeFromNowOn(): void {
    this.#believedSinceMs = monotonicNow() + NEXT_MOMENT_MS;
  }

  #heard(message: string): void {
    const [generation = "", number, writer = "", ...fenceKeys] = message.split(" ");
    const held = this.#held;
    if (!held || held.generation !== generation) return;
    const told = Number(number);
    this.#forget?.(fenceKeys);
    if (told > held.told + 1) this.#believeFromNowOn();
    held.told = Math.max(held.told, told);
    const { awaited } = held;
    if (awaited && held.told >= awaited.told) {
      held.awaited = undefined;
      this.#extend(awaited.sentAtMs, awaited.sentAt);
    }
    // Only now: what it says is that nothing older is believed any more.
    if (writer !== this.self)
      this.#client
        .publish?.(this.#channelOf(writer), `${generation} ${held.told} ${this.self}`)
        .catch(ignore);
  }

  #acknowledged(message: string): void {
    const [generation = "", told, reader = ""] = message.split(" ");
    this.told.acknowledge(generation, Number(told), reader);
  }

  #leave(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#endsAtMs = 0;
    if (!held || monotonicNow() - held.sinceMs < READ_LEASE_MS) return;
    void this.#settle({ generation: held.generation, silent: [`${this.self}:${held.renewals}`] });
  }

  /** Whatever goes wrong with it, the next one finds as it is. */
  async #settle({ generation, silent }: Settlement): Promise<void> {
    const server = this.#serverId;
    if (server === undefined) return;
    const args = [server, generation, randomToken(), ...silent];
    try {
      await this.#servers.of(this.registry).provenScript("settleReads", [this.registry], args);
    } catch {}
  }

  #channelOf(reader: string): string {
    return `${this.registry}:${reader}`;
  }
}

function ignore(): void {}
