// Keys of another type in the place of a tenant's books (its generations, its ledger, its indexes): somebody else has written them.
// Tests: test/integration/foreign-books.test.ts
import { isError } from "../../thrown.js";
import type { KeySpace } from "../key-space.js";
import type { Servers } from "./servers.js";

export class BookRepairs {
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #notice: (notice: string) => void;
  #isNoticed = false;

  constructor(servers: Servers, keys: KeySpace, notice: (notice: string) => void) {
    this.#servers = servers;
    this.#keys = keys;
    this.#notice = notice;
  }

  /**
   * Runs what uses a tenant's books; where a key of another type is in their place, removes that, and runs it once more.
   * Books that are missing are made anew by the next store, and a walk lists again what they listed.
   *
   * @param modules whose indexes are used
   */
  around<T>(tenant: string, modules: readonly string[], work: () => Promise<T>): Promise<T> {
    const keys = this.#keys;
    const books = [keys.generations(tenant), keys.ledger(tenant)];
    return this.#repeat(work, books, [keys.indexes(tenant), keys.fence(tenant), ...modules]);
  }

  /** The same for what all tenants share. */
  aroundPool<T>(work: () => Promise<T>): Promise<T> {
    return this.#repeat(work, [this.#keys.pool()], []);
  }

  async #repeat<T>(work: () => Promise<T>, books: readonly string[], args: readonly string[]): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(isError(error) && error.message.includes("WRONGTYPE"))) throw error;
      const [key = ""] = books;
      const removed = await this.#servers.run(key, (link) => link.script("repairBooks", books, args));
      if (Number(removed) === 0) throw error;
      this.#tell(Number(removed));
      return work();
    }
  }

  #tell(removed: number): void {
    if (this.#isNoticed) return;
    this.#isNoticed = true;
    this.#notice(
      `${removed} of the cache's own keys held values of another type, which somebody else has written: they were removed`,
    );
  }
}
