// What requests ask in one round trip: on the direct connection where there is one, or on the store's own.
// Tests: test/integration/direct-connection.test.ts, test/contract/redis-store.test.ts
import { isError } from "../../thrown.js";
import type { FillRequest, FillStart, Snapshot } from "../store.js";
import { type ArrayValue, OWN_ROOM } from "./array-replies.js";
import { beginFillAt, beginFillCall, fillStart } from "./begin-fill-call.js";
import { COMMIT_VALUES, type CommitCall, commitAt } from "./commit-call.js";
import { type DirectConnection, DirectConnectionLost, type DirectQuestion } from "./direct-connection.js";
import { LentMemory } from "./lent-memory.js";
import { commandOf, piecesOf } from "./resp-command.js";
import { type ScriptName, SHA1 } from "./script-calls.js";
import type { ServerLink } from "./server-link.js";

/** What is larger goes on the other connection: hits are not to wait behind it. */
const MAX_DIRECT_BYTES = 128 * 1024;

export class DirectCalls {
  readonly #direct: DirectConnection | undefined;
  readonly #memory = new LentMemory();
  readonly #lentRoom = (bytes: number) => this.#memory.lend(bytes);

  constructor(direct: DirectConnection | undefined) {
    this.#direct = direct;
  }

  /** Called when the store's own connection works. */
  begin(): void {
    this.#direct?.begin();
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
    const keys = [...fenceKeys, ...entryKeys];
    const values = await this.#proven(link, () => [commandOf("MGET", ...keys)], {
      count: keys.length,
      texts: fenceKeys.length,
      proveBy: keys[0] ?? "",
      room: onLoan ? this.#lentRoom : OWN_ROOM,
    });
    if (!values) {
      const { fences, entries } = await link.read(fenceKeys, entryKeys);
      return { fences, entries, runId: link.id };
    }
    // Texts first, as they were asked for.
    const entries = values.splice(fenceKeys.length) as (Buffer | null)[];
    return { fences: values as (string | null)[], entries, runId: link.id };
  }

  async beginFill(link: ServerLink, request: FillRequest): Promise<FillStart> {
    if (!link.scripts.isKnown("beginFill")) return beginFillAt(link, request);
    const values = await this.#proven(
      link,
      () => {
        const { keys, args } = beginFillCall(request);
        return piecesOf(scriptOf("beginFill", keys, args));
      },
      {
        count: request.fenceKeys.length + 3,
        // All but the entry, which comes last.
        texts: request.fenceKeys.length + 2,
        proveBy: request.entryKey,
      },
    );
    return values ? fillStart(values, link.id) : beginFillAt(link, request);
  }

  /** What the script returns. */
  async commitFill(link: ServerLink, call: CommitCall): Promise<readonly (number | string)[]> {
    const { value, parked } = call;
    if (call.valueBytes > MAX_DIRECT_BYTES || !link.scripts.isKnown("commitFill"))
      return commitAt(link, call);
    const script = scriptOf("commitFill", call.keys, call.args);
    const pieces = () => {
      if (!parked) return piecesOf([...script, value]);
      return [...piecesOf(["SET", parked.key, value, "PX", parked.ttlMs]), ...piecesOf(script)];
    };
    const question = { count: COMMIT_VALUES, texts: COMMIT_VALUES, hasStatus: parked !== undefined };
    // Where the answer is lost the same is asked once more: it stores the same, unless it is overtaken by then.
    return ((await this.#ask(link, pieces, question)) as string[] | undefined) ?? commitAt(link, call);
  }

  giveBack(value: Buffer): void {
    this.#memory.giveBack(value);
  }

  close(): void {
    this.#direct?.close();
  }

  /** As {@link #ask}; `undefined` also where it was not the link's server that has answered. */
  async #proven(
    link: ServerLink,
    pieces: () => readonly (string | Buffer)[],
    question: DirectQuestion,
  ): Promise<ArrayValue[] | undefined> {
    const values = await this.#ask(link, pieces, question);
    return values && this.#direct?.runId === link.id ? values : undefined;
  }

  /** `undefined` where the store's own connection has to be asked instead. */
  async #ask(
    link: ServerLink,
    pieces: () => readonly (string | Buffer)[],
    question: DirectQuestion,
  ): Promise<ArrayValue[] | undefined> {
    const direct = this.#direct;
    if (!direct?.leadsTo(link)) return undefined;
    try {
      return await direct.ask(pieces(), question);
    } catch (error) {
      if (error instanceof DirectConnectionLost) return undefined;
      // It was flushed: the other connection brings it.
      if (isError(error) && error.message.startsWith("NOSCRIPT")) return undefined;
      throw error;
    }
  }
}

function scriptOf(
  name: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
): (string | number)[] {
  return ["EVALSHA", SHA1[name], keys.length, ...keys, ...args];
}
