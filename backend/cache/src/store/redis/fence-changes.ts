// All that changes fences in Redis: by a script that also tells readers with a lease, and what had been confirmed by another server.
// Tests: test/contract/redis-store.test.ts, test/faults/second-master.test.ts
import type { CauseNote } from "../cause-log.js";
import { FENCE_TTL_MS, randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { CauseCalls } from "./cause-calls.js";
import { ConfirmedFences } from "./confirmed-fences.js";
import { refusesValues } from "./error-messages.js";
import { scanKeys } from "./keyspace-scan.js";
import type { ReadLeases } from "./read-leases.js";
import { isClusterClient, type RedisClient, type ScriptArgument } from "./redis-client.js";
import { bring } from "./script-calls.js";
import { removeKeys, type Servers } from "./servers.js";

/** In one call, so that the server is not busy with it for long. */
const REPEATED_TOGETHER = 500;
/** In the place of who writes and who is asked, where nobody is told. */
const NOBODY = ["", ""];

export type FenceChange = "replaceFences" | "amendFences" | "beginWrite" | "endWrite";

export class FenceChanges {
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #causes: CauseCalls;
  /** Absent on a Cluster: a script reaches the keys of one slot. */
  readonly #leases: ReadLeases | undefined;
  /** Absent on a Cluster, whose masters stop by themselves where the others have replaced them. */
  readonly #confirmed: ConfirmedFences | undefined;

  constructor(
    client: RedisClient,
    servers: Servers,
    keys: KeySpace,
    causes: CauseCalls,
    leases: ReadLeases | undefined,
  ) {
    this.#client = client;
    this.#servers = servers;
    this.#keys = keys;
    this.#causes = causes;
    this.#leases = leases;
    if (!isClusterClient(client)) this.#confirmed = new ConfirmedFences(keys.allFences());
  }

  /** @param args of the script, behind the random token and before who writes */
  async change(
    name: FenceChange,
    fenceKeys: readonly string[],
    args: readonly ScriptArgument[],
    cause?: CauseNote,
    mark = "",
  ): Promise<void> {
    const all = [randomToken() + mark, ...args];
    await this.#servers.runOnAll(
      fenceKeys,
      async (link) => {
        const leases = this.#leases;
        const server = leases ? link.id : "";
        const call = leases
          ? { name, keys: [...fenceKeys, leases.registry], args: [...all, leases.self, server] }
          : { name, keys: fenceKeys, args: [...all, ...NOBODY] };
        const told = await this.#causes.change(link, call, cause);
        leases?.changed(told, server);
      },
      (client, key) => bring(client, { name, keys: [key], args: [...all, ...NOBODY] }),
    );
  }

  /** Gives fences new tokens; where there is no room for them, takes the old ones away, which invalidates as well. */
  async replace(
    name: "replaceFences" | "endWrite",
    fenceKeys: readonly string[],
    args: readonly ScriptArgument[],
    cause: CauseNote | undefined,
    mark?: string,
  ): Promise<void> {
    try {
      await this.change(name, fenceKeys, args, cause, mark);
    } catch (error) {
      if (!refusesValues(error)) throw error;
      await removeKeys(this.#servers, fenceKeys);
      await this.#leases?.removeRegistry();
    }
    this.note(fenceKeys);
  }

  /** A server has confirmed that these were replaced or removed. */
  note(keys: readonly string[]): void {
    this.#confirmed?.add(keys, this.#servers.of("").id);
  }

  /** Tells a server that has taken another's place what that had confirmed to this process. */
  async repeat(): Promise<void> {
    if (!this.#confirmed) return;
    const fenceKeys = this.#confirmed.unknownTo(this.#servers.of("").id);
    const calls: Promise<void>[] = [];
    for (let from = 0; from < fenceKeys.length; from += REPEATED_TOGETHER) {
      const some = fenceKeys.slice(from, from + REPEATED_TOGETHER);
      calls.push(this.replace("replaceFences", some, [FENCE_TTL_MS], undefined));
    }
    await Promise.all(calls);
  }

  async forgetAll(): Promise<void> {
    for await (const page of scanKeys(this.#client, this.#keys.allFences())) {
      const fences = page.filter((key) => key !== this.#leases?.registry);
      // One at a time: on a Cluster the fences of different tenants are in different slots.
      await Promise.all(fences.map((key) => removeKeys(this.#servers, [key])));
      this.note(fences);
    }
    // Behind the walk: what a reader has learnt during it may be from before its fence was removed.
    await this.#leases?.voidAll();
  }
}
