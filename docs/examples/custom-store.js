// A store of one's own: bodies as files on a disk, so that a process can cache more than its memory holds. It passes the store contract.
import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import express from "express";
import { createTenantCache, fences } from "express-tenant-cache";

// Without leases, others run their handlers, too: what is forgotten here costs speed, never freshness.
const MAX_LEASES = 10_000;

/*
 * What is small (fences, marks, leases, and which file an entry is in) stays in memory. Whatever is asked of these maps is one step,
 * because nothing is awaited within it. Files are written before such a step and read after it. They are gone when the process ends, and
 * so are the fences: nothing can be wrong after a restart. Entries and fences are dated by `Date`; how long somebody waits is measured by
 * `performance`, whose clock nobody sets.
 */
export class DiskStore {
  kind = "disk";
  isInProcess = true; // there is nothing to connect to
  isPrivate = true; // other processes do not see these files
  // holdsInMemory is not true: the cache keeps decoded entries in front of the disk.
  #runId = randomUUID();
  #folder = mkdtempSync(path.join(tmpdir(), "cache-"));
  #entries = new Map(); // entry key -> { file, bytes, tenant, module, fenceKeys, fences, expiresAtMs }
  #fences = new Map(); // fence key -> fence
  #writers = new Map(); // fence key -> Map of writers, each with its deadline
  #leases = new Map(); // lease key -> { holder, fences, endsAtMs }; no holder: not storable

  listen(listener) {
    listener.up();
  }

  async ping() {
    await this.#write([Buffer.from("ping")]).then((file) => rm(file));
  }

  groupOf() {
    return ""; // one call can read all keys together
  }

  async read(fenceKeys, entryKeys) {
    const held = entryKeys.map((key) => this.#live(key));
    const snapshot = { fences: fenceKeys.map((key) => this.#fence(key)), runId: this.#runId };
    return { ...snapshot, entries: await Promise.all(held.map(bytesOf)) };
  }

  async beginFill({ entryKey, fenceKeys, lease }) {
    const current = fenceKeys.map((key) => this.#fence(key) ?? this.#replace(key));
    const held = this.#live(entryKey);
    const isStored = held !== undefined && fences.areSame(current, held.fences);
    const state = lease && !(lease.unlessStored && isStored) ? this.#take(lease, current) : "none";
    const start = { fences: current, runId: this.#runId, lease: state, nowMs: Date.now() };
    return { ...start, entry: await bytesOf(held) };
  }

  async commitFill({ entryKey, value, ttlMs, maxEntries, lease, expected, ...rest }) {
    const before = this.#live(entryKey);
    const isExpected = expected === undefined || isSame(expected, await bytesOf(before));
    const file = await this.#write(value);
    // From here on, one step.
    if (lease) this.#drop(lease);
    const current = rest.fenceKeys.map((key) => this.#fence(key));
    const isUnchanged = expected === undefined || this.#live(entryKey) === before;
    if (!isExpected || !isUnchanged || !fences.areSame(current, rest.fences)) {
      await rm(file);
      return { outcome: "fenced", evicted: 0 };
    }
    const { tenant, module, fenceKeys } = rest;
    const bytes = value.reduce((sum, piece) => sum + piece.length, 0);
    const entry = {
      tenant,
      module,
      fenceKeys,
      fences: current,
      file,
      bytes,
      expiresAtMs: Date.now() + ttlMs,
    };
    const removals = [this.remove(entryKey)];
    const others = this.#of(tenant, module).sort(([, a], [, b]) => a.expiresAtMs - b.expiresAtMs);
    for (const [key] of others.slice(0, Math.max(0, others.length - maxEntries + 1)))
      removals.push(this.remove(key));
    this.#entries.set(entryKey, entry);
    await Promise.all(removals);
    return { outcome: "stored", evicted: 0 };
  }

  async abandonFill(lease, skipMs) {
    this.#drop(lease);
    if (skipMs > 0 && !this.#lease(lease.key)) this.#lend(lease.key, { ttlMs: skipMs });
  }

  async replaceFences(fenceKeys) {
    for (const key of fenceKeys) this.#replace(key);
  }

  async beginWrite(fenceKeys, writer, deadlineMs) {
    for (const key of fenceKeys) {
      const writers = this.#writers.get(key) ?? new Map();
      this.#writers.set(key, writers.set(writer, performance.now() + deadlineMs));
    }
  }

  async endWrite(fenceKeys, writer) {
    for (const key of fenceKeys) {
      const writers = this.#writers.get(key);
      writers?.delete(writer);
      if (writers?.size === 0) this.#writers.delete(key);
      this.#replace(key);
    }
  }

  async remove(key) {
    const held = this.#entries.get(key);
    if (held && this.#entries.delete(key)) await rm(held.file, { force: true });
  }

  async sweep(targets) {
    const dead = targets
      .flatMap(({ tenant, module }) => this.#of(tenant, module))
      .filter(([, held]) => held.fenceKeys.some((key, index) => this.#fence(key) !== held.fences[index]));
    await Promise.all(dead.map(([key]) => this.remove(key)));
    return dead.length;
  }

  async forgetAllFences() {
    this.#fences.clear();
  }

  async inventory({ tenant }) {
    const rows = new Map();
    for (const [, held] of this.#of(tenant)) {
      const name = `${held.tenant}:${held.module}`;
      const row = rows.get(name) ?? { tenant: held.tenant, module: held.module, entries: 0, bytes: 0 };
      rows.set(name, { ...row, entries: row.entries + 1, bytes: row.bytes + held.bytes });
    }
    return { rows: [...rows.values()], complete: true };
  }

  async serverReport() {
    return null;
  }

  async close() {
    for (const map of [this.#entries, this.#fences, this.#writers, this.#leases]) map.clear();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The fence as readers see it: pending while a guarded write is under way, and new where a writer has not ended its write in time. */
  #fence(key) {
    const writers = this.#writers.get(key);
    if (!writers) return this.#fences.get(key) ?? null;
    for (const [writer, deadlineMs] of writers) if (deadlineMs <= performance.now()) writers.delete(writer);
    if (writers.size > 0) return fences.PENDING_MARK;
    this.#writers.delete(key);
    return this.#replace(key);
  }

  #replace(key) {
    const fence = fences.newFence(Date.now());
    this.#fences.set(key, fence);
    return fence;
  }

  #take({ key, holder, ttlMs }, current) {
    const held = this.#lease(key);
    if (held && held.holder === undefined) return "skipped";
    if (held && fences.areSame(held.fences, current)) return "waiting";
    this.#lend(key, { holder, fences: current, ttlMs });
    return "leading";
  }

  #lend(key, { ttlMs, ...lease }) {
    if (this.#leases.size >= MAX_LEASES) this.#leases.clear();
    this.#leases.set(key, { ...lease, endsAtMs: performance.now() + ttlMs });
  }

  #lease(key) {
    const held = this.#leases.get(key);
    return held && held.endsAtMs > performance.now() ? held : undefined;
  }

  #drop({ key, holder }) {
    if (this.#lease(key)?.holder === holder) this.#leases.delete(key);
  }

  #live(key) {
    const held = this.#entries.get(key);
    if (!held || held.expiresAtMs > Date.now()) return held;
    this.remove(key).catch(() => undefined);
    return undefined;
  }

  #of(tenant, module) {
    return [...this.#entries].filter(
      ([key, held]) =>
        (tenant ?? held.tenant) === held.tenant &&
        (module ?? held.module) === held.module &&
        this.#live(key) !== undefined,
    );
  }

  async #write(pieces) {
    const file = path.join(this.#folder, randomUUID());
    await writeFile(file, pieces);
    return file;
  }
}

/** What is in the file; nothing where it has been removed meanwhile. */
async function bytesOf(held) {
  return held === undefined ? null : readFile(held.file).catch(() => null);
}

function isSame(expected, found) {
  return expected === null || found === null ? expected === found : expected.equals(found);
}

export const cache = createTenantCache({
  store: () => new DiskStore(),
  tenant: (req) => req.get("x-tenant"),
});
export const app = express();
export const notes = [];

app.get("/notes", cache.cacheList("notes", 60), (_req, res) => res.json(notes));
app.post("/notes", cache.invalidateCache({ modules: ["notes"], guard: true }), (_req, res) => {
  notes.push(notes.length + 1);
  res.status(201).end();
});
