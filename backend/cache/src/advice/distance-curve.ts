// How much memory requests would have hit in: a histogram of stack distances, read as a curve of hit ratios.
// Tests: test/unit/tenant-sample.test.ts

/** Of a doubling. */
const STEPS = 4;
const CLASSES = 128;
/** What the first class ends with. */
const SMALLEST_BYTES = 1024;

/** Hit ratio with so much memory. */
export interface CurvePoint {
  readonly bytes: number;
  /** Between 0 and 1. */
  readonly hitRatio: number;
}

export class DistanceCurve {
  readonly #hits = new Float64Array(CLASSES);

  get byteLength(): number {
    return this.#hits.byteLength;
  }

  /** @param weight of how many requests this one is the sample */
  add(distanceBytes: number, weight: number): void {
    const index = classOf(distanceBytes);
    this.#hits[index] = (this.#hits[index] ?? 0) + weight;
  }

  /**
   * @param surplus requests that hit at the nearest distance, beside those that were added; less than 0 where
   *   too many were
   */
  hitRatio(bytes: number, requests: number, surplus: number): number {
    if (requests === 0) return 0;
    let hits = surplus;
    const last = classOf(bytes);
    for (let index = 0; index <= last; index++) hits += this.#hits[index] ?? 0;
    return Math.min(1, Math.max(0, hits / requests));
  }

  /** Where it rises: sizes at which the ratio is another one than below them. */
  points(requests: number, surplus: number): CurvePoint[] {
    const points: CurvePoint[] = [];
    for (let index = 0; index < CLASSES; index++) {
      if (this.#hits[index] === 0) continue;
      const bytes = Math.round(SMALLEST_BYTES * 2 ** (index / STEPS));
      points.push({ bytes, hitRatio: this.hitRatio(bytes, requests, surplus) });
    }
    return points;
  }
}

function classOf(bytes: number): number {
  if (bytes <= SMALLEST_BYTES) return 0;
  return Math.min(CLASSES - 1, Math.ceil(STEPS * Math.log2(bytes / SMALLEST_BYTES) - 1e-9));
}
