// What a store says of itself when it is asked for a report: what its server says, and what it holds of whom.
// Tests: test/integration/tenant-inventory.test.ts, test/contract/memory-store.test.ts

export interface InventoryRow {
  readonly tenant: string;
  readonly module: string;
  readonly entries: number;
  readonly bytes: number;
}

/** What a store is asked to count. */
export interface InventoryFilter {
  /** Default: all tenants. */
  readonly tenant?: string;
  /** Where more keys than these have been looked at, the rest need not be. */
  readonly maxKeys: number;
  /** False where nobody waits: it may take a minute, and is not to be noticed by requests. Default: true. */
  readonly isAwaited?: boolean;
}

export interface Inventory {
  readonly rows: readonly InventoryRow[];
  /** False where the keyspace was too large to be read whole within the limit. */
  readonly complete: boolean;
  /** Of all tenants, as far as they have been looked at. Absent where one tenant was asked for, and where they are not counted. */
  readonly fences?: number;
}

/** The same of all tenants together. */
export interface ModuleInventory {
  readonly rows: readonly Omit<InventoryRow, "tenant">[];
  readonly complete: boolean;
  /** `null` where they are not counted. */
  readonly fences: number | null;
}

/** What the server says of itself; `null` where it does not. */
export interface ServerReport {
  readonly version: string | null;
  readonly usedMemoryBytes: number | null;
  readonly maxMemoryBytes: number | null;
  readonly evictedKeys: number | null;
  readonly expiredKeys: number | null;
  readonly keys: number | null;
  readonly uptimeSeconds: number | null;
  readonly connectedClients: number | null;
  /** Memory that the process takes to what its data take. */
  readonly fragmentationRatio: number | null;
  readonly commandsProcessed: number | null;
  /** Of all keys that are looked up, fences and leases among them: not the cache's own hit ratio. */
  readonly keyspaceHits: number | null;
  readonly keyspaceMisses: number | null;
  /** By database (`db0`); empty where it holds none. */
  readonly keyspace: Readonly<Record<string, KeyspaceFigures>> | null;
}

export interface KeyspaceFigures {
  readonly keys: number;
  /** Of them, those with a TTL. */
  readonly expires: number;
}
