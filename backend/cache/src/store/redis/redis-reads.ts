// Reads of fences and entries in one round trip: on the connection that only reads, or on the store's own.
// Tests: test/integration/read-connection.test.ts
import type { Snapshot } from "../store.js";
import { LentMemory } from "./lent-memory.js";
import { type MgetValue, OWN_ROOM } from "./mget-replies.js";
import { type ReadConnection, ReadConnectionLost } from "./read-connection.js";
import type { ServerLink } from "./server-link.js";

export class RedisReads {
  readonly #apart: ReadConnection | undefined;
  readonly #memory = new LentMemory();
  readonly #lentRoom = (bytes: number) => this.#memory.lend(bytes);

  constructor(apart: ReadConnection | undefined) {
    this.#apart = apart;
  }

  /** Called when the store's own connection works. */
  begin(): void {
    this.#apart?.begin();
  }

  /**
   * @param link the store's own connection: the server that it leads to is the only one to be believed
   * @param onLoan whether entries may be in memory that is used again once it is given back
   */
  async read(
    link: ServerLink,
    fenceKeys: readonly string[],
    entryKeys: readonly string[],
    onLoan: boolean,
  ): Promise<Snapshot> {
    const values = await this.#readApart(link, fenceKeys, entryKeys, onLoan ? this.#lentRoom : OWN_ROOM);
    if (!values) {
      const { fences, entries } = await link.read(fenceKeys, entryKeys);
      return { fences, entries, runId: link.id };
    }
    // Texts first, as they were asked for.
    const entries = values.splice(fenceKeys.length) as (Buffer | null)[];
    return { fences: values as (string | null)[], entries, runId: link.id };
  }

  giveBack(value: Buffer): void {
    this.#memory.giveBack(value);
  }

  close(): void {
    this.#apart?.close();
  }

  async #readApart(
    link: ServerLink,
    fenceKeys: readonly string[],
    entryKeys: readonly string[],
    room: typeof OWN_ROOM,
  ): Promise<MgetValue[] | undefined> {
    const apart = this.#apart;
    const runId = apart?.runId;
    // An id that only one connection knows says nothing of the other one's server.
    if (!apart || runId === undefined || link.identity?.isOwn) return undefined;
    if (runId !== link.id) {
      // Another server has taken the place of the one that it was connected to, or the same one has a new id.
      apart.renew();
      return undefined;
    }
    try {
      const values = await apart.mget([...fenceKeys, ...entryKeys], fenceKeys.length, room);
      return apart.runId === link.id ? values : undefined;
    } catch (error) {
      if (error instanceof ReadConnectionLost) return undefined;
      throw error;
    }
  }
}
