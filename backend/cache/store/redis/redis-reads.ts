// Reads of fences and entries in one round trip: on the connection that only reads, or on the store's own.
import type { Snapshot } from "../store.js";
import type { MgetValue } from "./mget-replies.js";
import { type ReadConnection, ReadConnectionLost } from "./read-connection.js";
import type { RedisClient } from "./redis-client.js";

type Read = Pick<Snapshot, "fences" | "entries">;

export class RedisReads {
  readonly #client: RedisClient;
  readonly #apart: ReadConnection | undefined;

  constructor(client: RedisClient, apart: ReadConnection | undefined) {
    this.#client = client;
    this.#apart = apart;
  }

  /** @param runId of the server that the store's own connection leads to: the only one to be believed */
  async read(runId: string, fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Read> {
    const values = await this.#readApart(runId, fenceKeys, entryKeys);
    if (!values) return this.#readHere(fenceKeys, entryKeys);
    // Texts first, as they were asked for.
    const entries = values.splice(fenceKeys.length) as (Buffer | null)[];
    return { fences: values as (string | null)[], entries };
  }

  close(): void {
    this.#apart?.close();
  }

  async #readApart(
    runId: string,
    fenceKeys: readonly string[],
    entryKeys: readonly string[],
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
      return await apart.mget([...fenceKeys, ...entryKeys], fenceKeys.length);
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
