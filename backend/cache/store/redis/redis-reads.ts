// Reads of fences and entries in one round trip: on the connection that only reads, or on the store's own.
import type { Snapshot } from "../store.js";
import { LentMemory } from "./lent-memory.js";
import { type MgetValue, OWN_ROOM } from "./mget-replies.js";
import { type ReadConnection, ReadConnectionLost } from "./read-connection.js";
import type { RedisClient } from "./redis-client.js";

type Read = Pick<Snapshot, "fences" | "entries">;

export class RedisReads {
  readonly #client: RedisClient;
  readonly #apart: ReadConnection | undefined;
  readonly #memory = new LentMemory();
  readonly #lentRoom = (bytes: number) => this.#memory.lend(bytes);

  constructor(client: RedisClient, apart: ReadConnection | undefined) {
    this.#client = client;
    this.#apart = apart;
  }

  /**
   * @param runId of the server that the store's own connection leads to: the only one to be believed
   * @param onLoan whether entries may be in memory that is used again once it is given back
   */
  async read(
    runId: string,
    fenceKeys: readonly string[],
    entryKeys: readonly string[],
    onLoan: boolean,
  ): Promise<Read> {
    const values = await this.#readApart(runId, fenceKeys, entryKeys, onLoan ? this.#lentRoom : OWN_ROOM);
    if (!values) return this.#readHere(fenceKeys, entryKeys);
    // Texts first, as they were asked for.
    const entries = values.splice(fenceKeys.length) as (Buffer | null)[];
    return { fences: values as (string | null)[], entries };
  }

  giveBack(value: Buffer): void {
    this.#memory.giveBack(value);
  }

  close(): void {
    this.#apart?.close();
  }

  async #readApart(
    runId: string,
    fenceKeys: readonly string[],
    entryKeys: readonly string[],
    room: typeof OWN_ROOM,
  ): Promise<MgetValue[] | undefined> {
    const apart = this.#apart;
    const apartRunId = apart?.runId;
    if (!apart || apartRunId === undefined) return undefined;
    if (apartRunId !== runId) {
      // Another server has taken the place of the one that it was connected to.
      apart.renew();
      return undefined;
    }
    try {
      return await apart.mget([...fenceKeys, ...entryKeys], fenceKeys.length, room);
    } catch (error) {
      if (error instanceof ReadConnectionLost) return undefined;
      throw error;
    }
  }

  async #readHere(fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Read> {
    if (entryKeys.length === 0) return { fences: await this.#client.mget(fenceKeys), entries: [] };
    const values = await this.#client.mgetBuffer([...fenceKeys, ...entryKeys]);
    const entries = values.splice(fenceKeys.length);
    return { fences: values.map((value) => value?.toString("latin1") ?? null), entries };
  }
}
