// Which tenants are told apart: the busiest, found by Space-Saving (Metwally et al., ICDT 2005); all others are one.
// Tests: test/unit/advice-tenants.test.ts
import { ownText } from "../bounded-map.js";
import type { SampleColumns } from "./sample-columns.js";
import { TenantSample } from "./tenant-sample.js";
import { mixed } from "./text-hash.js";

/** Told apart. */
const MAX_TENANTS = 15;
/** Names that are counted beside these. */
const MAX_CANDIDATES = 64;
const MAX_NAME_CHARACTERS = 128;
/** Of so many requests one is counted. */
const COUNTED_EACH = 64;
/** After so many counted requests the old ones count half. */
const HALVED_AFTER = 2048;
/** By how much a candidate has to be busier than whom it replaces: that one's curve begins anew. */
const BUSIER = 1.25;
const BUSIER_BY = 4;

interface Candidate {
  count: number;
  /** What of the count may be others'. */
  error: number;
}

export class BusiestTenants {
  readonly #columns: SampleColumns;
  readonly #tenants = new Map<string, TenantSample>();
  readonly #candidates = new Map<string, Candidate>();
  #others: TenantSample | undefined;
  #maxKeys: number;
  #requests = 0;
  #counted = 0;

  constructor(columns: SampleColumns) {
    this.#columns = columns;
    this.#maxKeys = columns.capacity;
  }

  get byteLength(): number {
    return this.all().reduce((sum, tenant) => sum + tenant.byteLength, 0);
  }

  /** The tenant's sample, or that of all others. */
  of(tenant: string): TenantSample {
    const known = this.#tenants.get(tenant);
    // Not every 64th: who asks in turns would always be counted, or never.
    if (mixed(++this.#requests) % COUNTED_EACH === 0) this.#count(tenant, known);
    return known ?? this.#open(tenant);
  }

  /** Without counting the request. */
  known(tenant: string): TenantSample | undefined {
    return this.#tenants.get(tenant) ?? this.#others;
  }

  all(): TenantSample[] {
    return [...this.#tenants.values(), ...(this.#others ? [this.#others] : [])];
  }

  /** Samples fewer keys from now on. */
  halve(leastKeys: number): void {
    this.#maxKeys = Math.max(leastKeys, this.#maxKeys / 2);
    this.#share(0);
  }

  #open(tenant: string): TenantSample {
    if (this.#tenants.size < MAX_TENANTS && tenant.length <= MAX_NAME_CHARACTERS) {
      const opened = new TenantSample(ownText(tenant), this.#columns, this.#share(1));
      this.#tenants.set(ownText(tenant), opened);
      return opened;
    }
    this.#others ??= new TenantSample(undefined, this.#columns, this.#share(1));
    return this.#others;
  }

  /** Shares the keys among the tenants and `more`. @returns how many each may have */
  #share(more: number): number {
    const samples = this.all();
    const each = Math.floor(this.#maxKeys / Math.max(1, samples.length + more));
    for (const sample of samples) sample.limit(each);
    return each;
  }

  #count(tenant: string, known: TenantSample | undefined): void {
    if (++this.#counted % HALVED_AFTER === 0) this.#forget();
    if (known) known.recent++;
    else if (this.#tenants.size === MAX_TENANTS && tenant.length <= MAX_NAME_CHARACTERS) this.#rank(tenant);
  }

  #rank(tenant: string): void {
    const candidate = this.#candidates.get(tenant) ?? this.#candidate(tenant);
    candidate.count++;
    const least = leastOf(this.#tenants, ({ recent }) => recent);
    if (!least || candidate.count - candidate.error <= BUSIER * least.value.recent + BUSIER_BY) return;
    least.value.close();
    this.#tenants.delete(least.name);
    this.#candidates.delete(tenant);
    this.#open(tenant).recent = candidate.count - candidate.error;
  }

  #candidate(tenant: string): Candidate {
    let count = 0;
    if (this.#candidates.size >= MAX_CANDIDATES) {
      const least = leastOf(this.#candidates, (candidate) => candidate.count);
      count = least?.value.count ?? 0;
      if (least) this.#candidates.delete(least.name);
    }
    const candidate = { count, error: count };
    this.#candidates.set(ownText(tenant), candidate);
    return candidate;
  }

  #forget(): void {
    for (const tenant of this.#tenants.values()) tenant.recent /= 2;
    for (const candidate of this.#candidates.values()) {
      candidate.count /= 2;
      candidate.error /= 2;
    }
  }
}

function leastOf<V>(
  map: ReadonlyMap<string, V>,
  measure: (value: V) => number,
): { readonly name: string; readonly value: V } | undefined {
  let least: { readonly name: string; readonly value: V } | undefined;
  for (const [name, value] of map)
    if (!least || measure(value) < measure(least.value)) least = { name, value };
  return least;
}
