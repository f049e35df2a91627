// Work that goes on behind answers, so that it can be waited for.
// Tests: test/unit/under-way.test.ts
export class UnderWay {
  readonly #works = new Set<Promise<void>>();

  get size(): number {
    return this.#works.size;
  }

  /** @param work nobody else need look at how it ends */
  add(work: Promise<unknown>): void {
    const done = () => void this.#works.delete(settled);
    const settled = work.then(done, done);
    this.#works.add(settled);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }

  /** Resolves when what is under way now has ended, whatever begins meanwhile: requests may never end. */
  async ended(): Promise<void> {
    await Promise.all(this.#works);
  }
}
