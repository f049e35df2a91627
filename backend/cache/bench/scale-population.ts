// Who asks for what: tenants of very different size, as they are in practice, and bodies of 1 KB to 1 MB.
import { createHash } from "node:crypto";
import { MODULES } from "./scale-terms.js";

/** One list of a tenant's module. */
export interface Place {
  readonly tenant: string;
  readonly module: string;
  readonly target: string;
}

const LISTS_PER_MODULE = 40;
const KB = 1024;
/** Of a hundred lists: how many are of which size, in KB. */
const SIZES = [
  { upTo: 88, kb: 1 },
  { upTo: 98.9, kb: 20 },
  { upTo: 99.9, kb: 100 },
  { upTo: 100, kb: 1000 },
] as const;

export function tenantName(index: number): string {
  return `tenant-${index}`;
}

/** Zipf's law: the n-th largest has a share that is an n-th of the largest one's. */
export class Zipf {
  readonly #upTo: Float64Array;

  constructor(count: number) {
    this.#upTo = new Float64Array(count);
    let sum = 0;
    for (let index = 0; index < count; index++) {
      sum += 1 / (index + 1);
      this.#upTo[index] = sum;
    }
    for (let index = 0; index < count; index++) this.#upTo[index] = (this.#upTo[index] ?? 0) / sum;
  }

  share(index: number): number {
    return (this.#upTo[index] ?? 1) - (index === 0 ? 0 : (this.#upTo[index - 1] ?? 0));
  }

  /** @param at between 0 and 1 */
  pick(at: number): number {
    let [low, high] = [0, this.#upTo.length - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#upTo[middle] ?? 1) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The same numbers in each run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Population {
  readonly #tenants: Zipf;
  readonly #lists = new Zipf(LISTS_PER_MODULE);
  readonly #random: () => number;

  constructor(tenants: number, seed = 1) {
    this.#tenants = new Zipf(tenants);
    this.#random = seeded(seed);
  }

  next(): Place {
    const tenant = tenantName(this.#tenants.pick(this.#random()));
    const module = MODULES[Math.floor(this.#random() * MODULES.length)] ?? MODULES[0];
    return { tenant, module, target: `/${module}/${this.#lists.pick(this.#random())}` };
  }
}

/** Of the whole body. */
export function bodyBytes(tenant: string, target: string): number {
  const digest = createHash("md5").update(`${tenant} ${target}`).digest();
  const at = (digest.readUInt32BE(0) / 2 ** 32) * 100;
  return (SIZES.find(({ upTo }) => at < upTo)?.kb ?? 1) * KB;
}

/** Says whose it is, what was asked for, and of which version of the module it is; at both ends. */
export function bodyOf(tenant: string, target: string, version: number): Buffer {
  const bytes = bodyBytes(tenant, target);
  const head = `{"tenant":"${tenant}","target":"${target}","version":${version},"rows":"`;
  const tail = `"${tailOf(tenant, target, version)}`;
  return Buffer.from(head + "x".repeat(Math.max(0, bytes - head.length - tail.length)) + tail);
}

function tailOf(tenant: string, target: string, version: number): string {
  return `,"of":"${tenant} ${target} ${version}"}`;
}

/** The version that an answer is of, or what is wrong with it. */
export function versionIn(body: Buffer, { tenant, target }: Place): number | string {
  const begins = `{"tenant":"${tenant}","target":"${target}","version":`;
  const head = body.toString("latin1", 0, begins.length + 20);
  if (!head.startsWith(begins)) return `it begins with ${head.slice(0, 80)}`;
  const version = Number.parseInt(head.slice(begins.length), 10);
  const tail = tailOf(tenant, target, version);
  if (body.toString("latin1", body.length - tail.length) !== tail) return "it ends as another answer does";
  const bytes = bodyBytes(tenant, target);
  return body.length === bytes ? version : `it has ${body.length} bytes instead of ${bytes}`;
}
