// The Redis store: standalone, Sentinel and Cluster through one ioredis client.
import { hash } from "node:crypto";
import calculateSlot from "cluster-key-slot";
import { monotonicNow } from "../../timers.js";
import { randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type {
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  HeldLease,
  Inventory,
  LeaseState,
  ServerReport,
  Snapshot,
  Store,
  StoreListener,
  SweepTarget,
} from "../store.js";
import { commitCall, commitResult } from "./commit-call.js";
import type { Connection } from "./connect.js";
import { connectAgainOnEnd } from "./connect-again.js";
import { KEYED_SCRIPTS } from "./keyed-scripts.js";
import { scanKeys } from "./keyspace-scan.js";
import { isClusterClient, type RedisClient, type ScriptedCommands } from "./redis-client.js";
import { RedisKeyedStore } from "./redis-keyed-store.js";
import { RedisReads } from "./redis-reads.js";
import { readTenantBytes, reportServer, takeInventory } from "./redis-report.js";
import { RedisSweep } from "./redis-sweep.js";
import { type RunIds, trackRunIds } from "./run-ids.js";
import { SCRIPTS } from "./scripts.js";

/** A connection that took longer is to a server that sentinels named too long ago. */
const PROMPT_MS = 1000;
const SHA1 = {
  beginFill: hash("sha1", SCRIPTS.etcBeginFill),
  commitFill: hash("sha1", SCRIPTS.etcCommitFill),
  replaceFences: hash("sha1", SCRIPTS.etcReplaceFences),
} as const;

export class RedisStore implements Store {
  readonly kind = "redis";
  readonly hashTags: boolean;
  readonly keyed: RedisKeyedStore;
  readonly #client: RedisClient & ScriptedCommands;
  readonly #owned: boolean;
  readonly #reads: RedisReads;
  readonly #keys: KeySpace;
  readonly #runIds: RunIds;
  readonly #sweep: RedisSweep;
  /** Scripts that this connection has brought to its server. */
  readonly #loaded = new Set<string>();
  #listener: StoreListener | undefined;
  #isUp = false;
  #isClosed = false;
  #connectingSinceMs = monotonicNow();
  #lastError = "connecting";
  #reconnectAttempts = 0;

  constructor({ client, owned, reads }: Connection, keys: KeySpace) {
    for (const [name, lua] of Object.entries({ ...SCRIPTS, ...KEYED_SCRIPTS }))
      client.defineCommand(name, { lua });
    this.#client = client as RedisClient & ScriptedCommands;
    this.#owned = owned;
    this.#reads = new RedisReads(client, reads);
    this.#keys = keys;
    this.#sweep = new RedisSweep(this.#client, keys);
    this.hashTags = isClusterClient(client);
    this.keyed = new RedisKeyedStore(this.#client, keys);
    const onDown = (error: unknown) => {
      this.#lastError = error instanceof Error ? error.message || error.name : String(error);
      if (!this.#isUp) this.#listener?.down(this.#lastError);
    };
    this.#runIds = trackRunIds(client, () => this.#report(), onDown);
    client.on("connecting", () => {
      this.#connectingSinceMs = monotonicNow();
    });
    client.on("reconnecting", () => {
      this.#reconnectAttempts++;
    });
    client.on("ready", () => {
      this.#loaded.clear();
      this.#reconnectAttempts = 0;
      this.#lastError = "connection closed";
      // A master that hung while we connected may have been replaced before it answered.
      if (monotonicNow() - this.#connectingSinceMs > PROMPT_MS && this.renew()) return;
      this.#report();
    });
    client.on("error", onDown);
    if (owned) connectAgainOnEnd(client, () => this.#isClosed);
  }

  get reconnectAttempts(): number {
    return this.#reconnectAttempts;
  }

  listen(listener: StoreListener): void {
    this.#listener = listener;
    this.#report();
  }

  /** Sentinels are asked anew which server is the master; others have nobody to ask. */
  renew(): boolean {
    if (!this.#client.options?.sentinels) return false;
    this.#client.disconnect(true);
    return true;
  }

  async ping(): Promise<void> {
    await this.#client.ping();
  }

  async read(fenceKeys: readonly string[], entryKeys: readonly string[], onLoan = false): Promise<Snapshot> {
    const [key = ""] = fenceKeys;
    const runId = this.#runIdOf(key);
    const { fences, entries } = await this.#reads.read(runId, fenceKeys, entryKeys, onLoan);
    this.#confirmRunId(key, runId);
    return { fences, entries, runId };
  }

  giveBack(value: Buffer): void {
    this.#reads.giveBack(value);
  }

  groupOf(key: string): string {
    return this.hashTags ? String(calculateSlot(key)) : "";
  }

  async beginFill({ entryKey, fenceKeys, fenceTtlMs, lease }: FillRequest): Promise<FillStart> {
    const runId = this.#runIdOf(entryKey);
    const keys = [entryKey, ...fenceKeys, ...(lease ? [lease.key] : [])];
    const leaseArgs = lease ? [lease.holder, lease.ttlMs, lease.unlessStored ? 1 : 0] : [];
    const args = [fenceKeys.length, randomToken(), fenceTtlMs, ...leaseArgs];
    const client = this.#client;
    const reply = await this.#run(
      "beginFill",
      () => client.evalshaBuffer(SHA1.beginFill, keys.length, ...keys, ...args),
      () => client.etcBeginFillBuffer(keys.length, ...keys, ...args),
    );
    this.#confirmRunId(entryKey, runId);
    const [leaseState, nowMs, entry = null, ...fences] = reply;
    return {
      fences: fences.map(String),
      runId,
      entry,
      lease: String(leaseState) as LeaseState,
      nowMs: Number(nowMs),
    };
  }

  async commitFill(commit: FillCommit): Promise<CommitResult> {
    const { keys, args } = commitCall(this.#keys, commit);
    const client = this.#client;
    const reply = await this.#run(
      "commitFill",
      () =>
        client.evalsha(SHA1.commitFill, keys.length, ...keys, ...args) as ReturnType<
          typeof client.etcCommitFill
        >,
      () => client.etcCommitFill(keys.length, ...keys, ...args),
    );
    return commitResult(reply);
  }

  async abandonFill(lease: HeldLease, skipMs: number): Promise<void> {
    await this.#client.etcAbandonFill(1, lease.key, lease.holder, skipMs);
  }

  async replaceFences(fenceKeys: readonly string[], fenceTtlMs: number): Promise<void> {
    const args = [...fenceKeys, randomToken(), fenceTtlMs];
    const client = this.#client;
    try {
      await this.#run(
        "replaceFences",
        () => client.evalsha(SHA1.replaceFences, fenceKeys.length, ...args),
        () => client.etcReplaceFences(fenceKeys.length, ...args),
      );
    } catch (error) {
      await this.#forgetIfFull(error, fenceKeys);
    }
  }

  async beginWrite(fenceKeys: readonly string[], writer: string, deadlineMs: number): Promise<void> {
    await this.#client.etcBeginWrite(fenceKeys.length, ...fenceKeys, randomToken(), writer, deadlineMs);
  }

  async endWrite(fenceKeys: readonly string[], writer: string, fenceTtlMs: number): Promise<void> {
    const ended = this.#client.etcEndWrite(fenceKeys.length, ...fenceKeys, randomToken(), writer, fenceTtlMs);
    await ended.catch((error: unknown) => this.#forgetIfFull(error, fenceKeys));
  }

  async remove(key: string): Promise<void> {
    await this.keyed.removeKeys([key]);
  }

  sweep(targets: readonly SweepTarget[], isAwaited?: () => boolean): Promise<number | undefined> {
    return this.#sweep.indexes(targets, isAwaited);
  }

  sweepKeyspace(targets: readonly SweepTarget[], isAwaited?: () => boolean): Promise<number | undefined> {
    return this.#sweep.keyspace(targets, isAwaited);
  }

  async forgetAllFences(): Promise<void> {
    for await (const page of scanKeys(this.#client, this.#keys.allFences())) {
      // One at a time: on a Cluster the fences of different tenants are in different slots.
      await Promise.all(page.map((key) => this.#client.unlink(key)));
    }
  }

  inventory(filter: { readonly tenant?: string; readonly maxKeys: number }): Promise<Inventory> {
    return takeInventory(this.#client, this.#keys, filter);
  }

  tenantBytes(tenants: readonly string[]): Promise<readonly number[]> {
    return readTenantBytes(this.#client, this.#keys, tenants);
  }

  serverReport(): Promise<ServerReport> {
    return reportServer(this.#client);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweep.stop();
    if (this.#owned) this.#client.disconnect();
    this.#reads.close();
  }

  /**
   * Past ioredis's own handling of scripts, which costs a tenth of the round trip that a response waits for; but for the first call on a
   * connection, which brings the script along: a server that has been started anew does not know it. Nodes of a Cluster
   * each have a connection of their own.
   */
  async #run<T>(name: keyof typeof SHA1, evalsha: () => Promise<T>, script: () => Promise<T>): Promise<T> {
    if (this.hashTags || !this.#loaded.has(name)) {
      this.#loaded.add(name);
      return script();
    }
    try {
      return await evalsha();
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return script();
    }
  }

  /** A full server refuses writes but not removals, and a missing fence invalidates as well as a new one. */
  async #forgetIfFull(error: unknown, fenceKeys: readonly string[]): Promise<void> {
    if (!(error instanceof Error && error.message.includes("OOM"))) throw error;
    await this.#client.unlink(...fenceKeys);
  }

  /** Both come in either order: a Cluster is ready apart from its nodes. */
  #report(): void {
    const isUp = this.#client.status === "ready" && this.#runIds.known;
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    if (isUp) this.#listener?.up();
    else this.#listener?.down(this.#lastError);
  }

  #runIdOf(key: string): string {
    const runId = this.#client.status === "ready" ? this.#runIds.of(key) : undefined;
    if (runId === undefined) throw new Error(`not connected (${this.#lastError})`);
    return runId;
  }

  /** The client may have reconnected, to another server, and sent the command again: that answer is not believed. */
  #confirmRunId(key: string, runId: string): void {
    if (this.#runIds.of(key) !== runId) throw new Error("the server changed while it was asked");
  }
}

/** The server does not know the script yet: it was started anew, or is another one. */
function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.includes("NOSCRIPT");
}
