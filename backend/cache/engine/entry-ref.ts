// What names an entry, and the rules it is filled by.

export interface EntryRef {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  readonly leaseKey: string;
  /** Tenant, module and canonical request in clear: written into the entry and compared on every read. */
  readonly identity: string;
  /** The tenant's, the module's, then those of the modules and tags it depends on. */
  readonly fenceKeys: readonly string[];
  /** A fill that begins less than this after a fence changed is not stored, milliseconds. */
  readonly settleMs: number;
  /** The most entries of this tenant and module. */
  readonly maxEntries: number;
}
