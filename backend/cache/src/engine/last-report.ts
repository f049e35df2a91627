// What the store has said of itself last, whoever asked: for metrics, which ask nobody.
// Tests: test/integration/metrics.test.ts
import type { Inventory, ModuleInventory, ServerReport } from "../store/store-report.js";
import { monotonicNow } from "../timers.js";

export interface Reported<T> {
  readonly value: T;
  /** On the clock of {@link monotonicNow}. */
  readonly atMs: number;
}

export class LastReport {
  #server: Reported<ServerReport | null> | undefined;
  #latencyMs: number | null = null;
  #inventory: Reported<Inventory> | undefined;
  #note: Reported<ModuleInventory> | undefined;
  #tenantBytes: ReadonlyMap<string, number> = new Map();

  /** `value` is `null` where the store says nothing of itself, or was away when it was asked. */
  get server(): Reported<ServerReport | null> | undefined {
    return this.#server;
  }

  /** Of the round trip then, milliseconds; `null` where the store was away. */
  get latencyMs(): number | null {
    return this.#latencyMs;
  }

  /** Of all tenants. */
  get inventory(): Reported<Inventory> | undefined {
    return this.#inventory;
  }

  /** The newer one of this process's own and of what another one has noted, by module. */
  get counted(): Reported<Pick<ModuleInventory, "rows" | "complete">> | undefined {
    return this.#isNoteNewer ? this.#note : this.#inventory;
  }

  get #isNoteNewer(): boolean {
    return this.#note !== undefined && this.#note.atMs > (this.#inventory?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  /** How many there were at the last inventory; `null` where the store does not count them. */
  get fences(): number | null {
    return (this.#isNoteNewer ? this.#note : this.#inventory)?.value.fences ?? null;
  }

  /** Of those that were asked about. */
  get tenantBytes(): ReadonlyMap<string, number> {
    return this.#tenantBytes;
  }

  tookServer(server: ServerReport | null, latencyMs: number | null): void {
    this.#server = { value: server, atMs: monotonicNow() };
    this.#latencyMs = latencyMs;
  }

  tookInventory(inventory: Inventory): void {
    this.#inventory = { value: inventory, atMs: monotonicNow() };
  }

  /** What another process has counted. */
  tookNote(note: ModuleInventory, ageMs: number): void {
    this.#note = { value: note, atMs: monotonicNow() - ageMs };
  }

  tookTenantBytes(bytes: ReadonlyMap<string, number>): void {
    this.#tenantBytes = bytes;
  }
}
