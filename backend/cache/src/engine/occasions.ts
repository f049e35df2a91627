// Something that happens now and then, and those who want to know.
// Tests: test/integration/monitor.test.ts
import { clearTimeout, setTimeout } from "../timers.js";

export class Occasions {
  readonly #listeners = new Set<() => void>();

  /** Calls `listener` each time. */
  on(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Resolves with whether it has happened within `timeoutMs` from now. */
  within(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (hasHappened: boolean) => {
        clearTimeout(timer);
        this.#listeners.delete(happened);
        resolve(hasHappened);
      };
      const happened = () => settle(true);
      const timer = setTimeout(() => settle(false), timeoutMs);
      this.#listeners.add(happened);
    });
  }

  happened(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
