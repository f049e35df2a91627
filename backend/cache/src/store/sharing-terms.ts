// How tenants share a store: what each keeps, and what all may hold beyond that.

/** The options `reservedBytesPerTenant` and `maxPooledBytes`. */
export interface SharingTerms {
  /** Bytes of each tenant that no other can push out; 0 for none. */
  readonly reservedBytesPerTenant: number;
  /** Bytes that all tenants together may hold beyond that. */
  readonly maxPooledBytes: number;
}
