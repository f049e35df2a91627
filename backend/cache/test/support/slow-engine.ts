// An engine on a store that answers when a test says so, and what a fill in it starts from and ends with.
import assert from "node:assert/strict";
import { PLAIN } from "../../src/codec/encryption.js";
import type { Waiter } from "../../src/engine/bounded-wait.js";
import { CacheEngine } from "../../src/engine/cache-engine.js";
import { Counters } from "../../src/engine/counters.js";
import type { EntryRef } from "../../src/engine/entry-ref.js";
import type { FillOutcome, Recording } from "../../src/engine/fill.js";
import type { ReadOutcome } from "../../src/engine/read-outcome.js";
import type { Logger } from "../../src/logger.js";
import { KeySpace } from "../../src/store/key-space.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import type { FillCommit, FillRequest, HeldLease } from "../../src/store/store.js";
import { quiet, READY_WITHIN_MS } from "./caches.js";

const MIB = 1024 * 1024;
export const WAIT_MS = 300;
/** How many wait for one handler. */
export const MAX_WAITING = 10;
const keys = new KeySpace("", false);
/** An in-process store that takes what it is asked, but answers when the test says so, or not at all. */
export class SlowStore extends MemoryStore {
  /** Holds back what a fill is to start from. */
  held: Promise<void> | undefined;
  /** What storing an entry fails with. */
  failure: Error | undefined;
  /** What beginning a fill, and giving its lease back, fail with: the answer is lost, or nothing has been asked. */
  away: { readonly error: Error; readonly isAnswerLost: boolean } | undefined;
  commits = 0;
  begun = 0;
  /** Leases that were released. */
  abandoned = 0;
  reads = 0;

  override async read(fenceKeys: readonly string[], entryKeys: readonly string[]) {
    this.reads++;
    return super.read(fenceKeys, entryKeys);
  }
  override async beginFill(request: FillRequest) {
    this.begun++;
    const { held } = this;
    const answer = this.away?.isAnswerLost === false ? undefined : await super.beginFill(request);
    await held;
    if (this.away || !answer) throw this.away?.error ?? new Error("away");
    return answer;
  }
  override async commitFill(commit: FillCommit) {
    this.commits++;
    if (this.failure) throw this.failure;
    return super.commitFill(commit);
  }
  override async abandonFill(lease: HeldLease, skipMs: number) {
    if (this.away) throw this.away.error;
    this.abandoned++;
    return super.abandonFill(lease, skipMs);
  }
}

export interface EngineSettings {
  /** Short where it is to be exceeded. */
  readonly budgetMs?: number;
  /** Also how long leases live. Default {@link WAIT_MS}. */
  readonly waitMs?: number;
  readonly logger?: Logger;
}

export async function openEngine({
  budgetMs = 10_000,
  waitMs = WAIT_MS,
  logger = quiet,
}: EngineSettings = {}) {
  const store = new SlowStore({ maxBytes: MIB, maxTenantBytes: MIB });
  const options = {
    budgetMs,
    failureThreshold: 3,
    probeIntervalMs: 5,
    maxProbeIntervalMs: 10,
    maxPendingInvalidations: 100,
    fenceTtlMs: 60_000,
    waitMs,
    leaseMs: waitMs,
    maxWaiting: MAX_WAITING,
    sealer: PLAIN,
    skipMs: 5000,
    localBytes: 0,
    localTenantBytes: 0,
    sweepGatherMs: 1,
    walkGatherMs: 1,
    compress: false,
    maxTenantBytes: Number.POSITIVE_INFINITY,
  };
  const engine = new CacheEngine(store, keys, new Counters(), options, logger);
  assert.equal(await engine.gate.whenClosed(READY_WITHIN_MS), true);
  // Both fences exist, as they do on all but a tenant's first request.
  await store.replaceFences(ref("any").fenceKeys);
  return { store, engine };
}

export function ref(identity: string): EntryRef {
  return {
    tenant: "t",
    module: "accounts",
    entryKey: keys.entry("t", "accounts", "same-hash"),
    leaseKey: keys.lease("t", "accounts", "same-hash"),
    identity,
    fenceKeys: [keys.fence("t"), keys.fence("t", "accounts")],
    settleMs: 0,
    maxStaleness: 0,
    maxEntries: 10,
  };
}

export async function ask(engine: CacheEngine, of: EntryRef, waiter?: Waiter): Promise<FillOutcome> {
  return opened(await engine.lookups.read(of), waiter);
}

/** A client that goes when the test says so. */
export function leaver(): { readonly waiter: Waiter; readonly leave: () => void } {
  const heard = new Set<() => void>();
  let isGone = false;
  const onGone = (leave: () => void) => {
    heard.add(leave);
    return () => void heard.delete(leave);
  };
  const leave = () => {
    isGone = true;
    for (const each of heard) each();
  };
  return { waiter: { isGone: () => isGone, onGone }, leave };
}

/** Whoever waits for another's lease asks for it again and again. */
export async function leadsAtOnce(engine: CacheEngine, store: SlowStore): Promise<void> {
  const { begun } = store;
  assert.equal((await ask(engine, ref("a"))).kind, "lead");
  assert.equal(store.begun - begun, 1);
}

export async function askToFill(engine: CacheEngine, of: EntryRef): Promise<FillOutcome> {
  return opened(await engine.lookups.readToFill(of));
}

function opened(outcome: ReadOutcome, waiter?: Waiter): Promise<FillOutcome> {
  assert.ok(outcome.kind === "miss", outcome.kind);
  return outcome.open(undefined, waiter);
}

export function request(of: EntryRef): FillRequest {
  const { entryKey, fenceKeys, leaseKey } = of;
  return {
    entryKey,
    fenceKeys,
    fenceTtlMs: 60_000,
    lease: { key: leaseKey, holder: "another process", ttlMs: 60_000 },
  };
}

export function recording(text: string): Recording {
  const now = Date.now();
  const times = { createdAt: now, staleAt: now + 60_000, expiresAt: now + 60_000 };
  const head = { status: 200, statusMessage: "", etag: "", headers: [], removedHeaders: [], variants: [] };
  return { ...times, ...head, body: Buffer.from(text) };
}
