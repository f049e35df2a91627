// The Redis store: standalone, Sentinel and Cluster through one ioredis client.

import type { CauseNote, CauseQuery, Peek, PeekRequest, StoredCause } from "../cause-log.js";
import type { EntryPage, ListRequest } from "../entry-page.js";
import type { FeedPlace } from "../feed-place.js";
import type { KeySpace } from "../key-space.js";
import type { ForgetFences, ReadLease } from "../read-lease.js";
import type { SharingTerms } from "../sharing-terms.js";
import type {
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  HeldLease,
  Snapshot,
  Store,
  StoreListener,
  SweepTarget,
} from "../store.js";
import { GroupUnavailable } from "../store-errors.js";
import type { Inventory, InventoryFilter, ServerReport } from "../store-report.js";
import { BookRepairs } from "./book-repairs.js";
import { CauseCalls } from "./cause-calls.js";
import { hearOn } from "./channel.js";
import { commitCall, commitResult } from "./commit-call.js";
import type { Connection } from "./connect.js";
import { DirectCalls } from "./direct-calls.js";
import { listEntries } from "./entry-listing.js";
import { FeedReads } from "./feed-reads.js";
import { FenceChanges } from "./fence-changes.js";
import { scanMatching } from "./keyspace-scan.js";
import { Parking } from "./parking.js";
import { ReadLeases } from "./read-leases.js";
import { isClusterClient, type RedisClient } from "./redis-client.js";
import { RedisConnection } from "./redis-connection.js";
import { RedisFeedPlace } from "./redis-feed-place.js";
import { RedisKeyedStore } from "./redis-keyed-store.js";
import { RedisNotes } from "./redis-notes.js";
import { RedisPool } from "./redis-pool.js";
import { readTenantBytes, reportServer, takeInventory } from "./redis-report.js";
import { RedisSweep } from "./redis-sweep.js";
import type { ServerLink } from "./server-link.js";
import type { ProbePlace, Servers } from "./servers.js";

export class RedisStore implements Store {
  readonly kind = "redis";
  readonly keyed: RedisKeyedStore;
  readonly notes: RedisNotes;
  readonly #connection: RedisConnection;
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #direct: DirectCalls;
  #feed: FeedReads | undefined;
  readonly #keys: KeySpace;
  readonly #repairs: BookRepairs;
  readonly #sweep: RedisSweep;
  readonly #causes: CauseCalls;
  readonly #changes: FenceChanges;
  readonly #parking: Parking;
  /** Absent on a Cluster: a script reaches the keys of one slot. */
  readonly #leases: ReadLeases | undefined;
  /** Groups whose fences are out of date. */
  readonly #suspended = new Set<string>();
  #pool: RedisPool | undefined;
  readonly #notice = (notice: string) => this.#connection.notice(notice);

  constructor(connection: Connection, keys: KeySpace) {
    this.#direct = new DirectCalls(connection.direct);
    this.#connection = new RedisConnection(connection, () => this.#direct.begin());
    this.#client = connection.client;
    this.#servers = this.#connection.servers;
    this.#keys = keys;
    this.#parking = new Parking(keys, this.#notice);
    this.#causes = new CauseCalls(this.#servers, keys, this.#notice);
    this.notes = new RedisNotes(this.#servers);
    this.#repairs = new BookRepairs(this.#servers, keys, this.#notice);
    this.#sweep = new RedisSweep(this.#client, this.#servers, keys, this.#repairs);
    if (!isClusterClient(this.#client))
      this.#leases = new ReadLeases(this.#client, this.#servers, keys, connection.messages, this.#notice);
    this.#changes = new FenceChanges(this.#client, this.#servers, keys, this.#causes, this.#leases);
    this.keyed = new RedisKeyedStore(this.#client, this.#servers, keys, this.#repairs, this.#changes);
  }

  leaseReads(forget: ForgetFences): ReadLease | undefined {
    return this.#leases?.canHold ? this.#leases.begin(forget) : undefined;
  }

  untilForgotten(lostAtMs?: number): Promise<void> | undefined {
    const told = this.#leases?.told;
    return lostAtMs === undefined ? told?.untilForgotten : told?.untilEnded(lostAtMs);
  }

  share(terms: SharingTerms): void {
    if (!Number.isFinite(terms.maxPooledBytes)) return;
    this.#pool = new RedisPool(this.#servers, this.#keys, this.#repairs, terms, this.#notice);
  }

  async idle(): Promise<void> {
    await this.#pool?.idle();
  }

  get reconnectAttempts(): number {
    return this.#connection.reconnectAttempts;
  }

  listen(listener: StoreListener): void {
    this.#connection.listen(listener);
  }

  renew(): boolean {
    return this.#connection.renew();
  }

  /**
   * Tries every server with what requests need: fences and an entry are read, and all that scripts do is done. One that has taken another's
   * place is told what that had confirmed to this process.
   */
  async ping(): Promise<void> {
    await Promise.all(this.#servers.probes().map((place) => this.#probe(place)));
    await this.#changes.repeat();
  }

  async read(fenceKeys: readonly string[], entryKeys: readonly string[], onLoan = false): Promise<Snapshot> {
    const [key = ""] = fenceKeys;
    const feed = this.#feed;
    return this.#run(key, (link) => {
      if (!feed) return this.#direct.read(link, fenceKeys, entryKeys, onLoan);
      return feed.read(link, fenceKeys, (keys) => this.#direct.read(link, keys, entryKeys, onLoan));
    });
  }

  feed(keys: KeySpace): FeedPlace {
    const isCluster = isClusterClient(this.#client);
    const place = new RedisFeedPlace(this.#servers, keys, isCluster);
    this.#feed = new FeedReads(keys, isCluster ? place : undefined);
    return place;
  }

  giveBack(value: Buffer): void {
    this.#direct.giveBack(value);
  }

  groupOf(key: string): string {
    return this.#servers.groupOf(key);
  }

  suspend(group: string, isSuspended: boolean): void {
    if (isSuspended) this.#suspended.add(group);
    else this.#suspended.delete(group);
  }

  async beginFill(request: FillRequest): Promise<FillStart> {
    const feed = request.tokenKey === undefined ? undefined : this.#feed;
    return this.#run(request.entryKey, (link) =>
      feed ? feed.beginFill(link, request) : this.#direct.beginFill(link, request),
    );
  }

  async commitFill(given: FillCommit): Promise<CommitResult> {
    const commit = this.#feed?.committed(given) ?? given;
    const { tenant, module, entryKey } = commit;
    const store = (link: ServerLink) =>
      this.#direct.commitFill(link, commitCall(this.#keys, commit, this.#parking.isAllowed(link)));
    const figures = await this.#repairs.around(tenant, [module], () => this.#run(entryKey, store));
    const bytes = Number(figures[3]);
    if (bytes >= 0) this.#pool?.note(tenant, bytes);
    return commitResult(figures);
  }

  async abandonFill(lease: HeldLease, skipMs: number): Promise<void> {
    const args = [lease.holder, skipMs];
    await this.#servers.run(lease.key, (link) => link.script("abandonFill", [lease.key], args));
  }

  async replaceFences(
    fenceKeys: readonly string[],
    fenceTtlMs: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void> {
    await this.#changes.replace("replaceFences", fenceKeys, [fenceTtlMs], cause, mark);
  }

  async amendFences(
    fenceKeys: readonly string[],
    mark: string,
    most: number,
    fenceTtlMs: number,
    cause?: CauseNote,
  ): Promise<void> {
    await this.#changes.change("amendFences", fenceKeys, [mark, most, fenceTtlMs], cause);
    this.#changes.note(fenceKeys);
  }

  async beginWrite(fenceKeys: readonly string[], writer: string, deadlineMs: number): Promise<void> {
    await this.#changes.change("beginWrite", fenceKeys, [writer, deadlineMs]);
  }

  async endWrite(
    fenceKeys: readonly string[],
    writer: string,
    fenceTtlMs: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void> {
    await this.#changes.replace("endWrite", fenceKeys, [writer, fenceTtlMs], cause, mark);
  }

  readCauses(key: string, query: CauseQuery): Promise<readonly StoredCause[]> {
    return this.#causes.read(key, query);
  }

  peek(request: PeekRequest): Promise<Peek> {
    return this.#run(request.entryKey, (link) => this.#causes.peek(link, request));
  }

  async remove(key: string): Promise<void> {
    await this.keyed.removeKeys([key]);
  }

  sweep(
    targets: readonly SweepTarget[],
    isAwaited?: () => boolean,
    onLost?: (target: SweepTarget) => void,
  ): Promise<number | undefined> {
    return this.#sweep.indexes(targets, isAwaited, onLost);
  }

  sweepKeyspace(targets: readonly SweepTarget[], isAwaited?: () => boolean): Promise<number | undefined> {
    return this.#sweep.keyspace(targets, isAwaited);
  }

  async forgetAllFences(): Promise<void> {
    await this.#changes.forgetAll();
  }

  listFences(beginning: string, ending: string): AsyncIterable<readonly string[]> {
    return scanMatching(this.#client, beginning, `*${ending}`);
  }

  inventory(filter: InventoryFilter): Promise<Inventory> {
    return takeInventory(this.#client, this.#keys, filter);
  }

  listEntries(request: ListRequest): Promise<EntryPage> {
    return listEntries(this.#servers, this.#keys, this.#repairs, request);
  }

  tenantBytes(tenants: readonly string[], isAwaited = true): Promise<readonly number[]> {
    return readTenantBytes(this.#servers, this.#keys, this.#repairs, tenants, isAwaited);
  }

  serverReport(): Promise<ServerReport> {
    return reportServer(this.#client);
  }

  hear(channel: string, onText: (text: string) => void): () => void {
    return hearOn(this.#client, channel, onText);
  }

  async close(): Promise<void> {
    this.#sweep.stop();
    this.#leases?.close();
    this.#connection.close();
    this.#direct.close();
  }

  #run<T>(key: string, step: (link: ServerLink) => Promise<T>): Promise<T> {
    if (this.#suspended.size > 0) {
      const group = this.groupOf(key);
      if (this.#suspended.has(group)) throw new GroupUnavailable(group, "invalidations wait to be replayed");
    }
    return this.#servers.run(key, step);
  }

  async #probe({ link, tenants: [tenant, other] }: ProbePlace): Promise<void> {
    const [entry, fence] = [this.#keys.entry(tenant, "probe", "0"), this.#keys.fence(tenant)];
    const books = [
      this.#keys.index(tenant, "probe", ""),
      this.#keys.generations(tenant),
      this.#keys.ledger(tenant),
    ];
    const keys = [entry, ...books, fence, this.#keys.lease(tenant, "probe", "0")];
    try {
      const leases = this.#leases;
      const fences = [fence, this.#keys.fence(other), ...(leases ? [leases.registry] : [])];
      const [read, , parking] = await Promise.all([
        this.#direct.read(link, fences, [entry], false),
        link.provenScript("probe", keys, []),
        this.#parking.probe(link, tenant),
      ]);
      this.#parking.heed(link, parking);
      // Also where it is lost before this process invalidates anything.
      if (typeof read.fences[2] === "string") leases?.told.beAware();
    } catch (error) {
      // Its slot is being moved: the server has answered, and says so.
      if (!(error instanceof GroupUnavailable)) throw error;
    }
  }
}
