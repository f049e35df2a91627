// Calls of the scripts of `cause-scripts.ts`, and what becomes of causes where a server refuses them.
// Tests: test/integration/causes.test.ts
import { monotonicNow } from "../../timers.js";
import type { CauseNote, CauseQuery, Peek, PeekRequest, StoredCause } from "../cause-log.js";
import type { KeySpace } from "../key-space.js";
import { PUBLISH_REFUSED } from "./cause-scripts.js";
import { messageOf } from "./error-messages.js";
import type { ScriptCall } from "./script-calls.js";
import type { ServerLink } from "./server-link.js";
import type { Servers } from "./servers.js";

/** A user may be allowed more meanwhile; each refusal is a line in the server's ACL log. */
const REFUSED_FOR_MS = 600_000;

export class CauseCalls {
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #notice: (notice: string) => void;
  #refusedUntilMs = 0;
  #hasTold = false;
  /** Whether other processes are not told: causes are kept all the same. */
  #isMute = false;

  /** @param notice is told once that the server keeps no causes */
  constructor(servers: Servers, keys: KeySpace, notice: (notice: string) => void) {
    this.#servers = servers;
    this.#keys = keys;
    this.#notice = notice;
  }

  /**
   * Changes fences, and has the cause kept in the same step. The fences are changed also where that is refused.
   *
   * @returns what readers with a lease were told: see `read-lease-scripts.ts`
   */
  async change(link: ServerLink, call: ScriptCall, cause: CauseNote | undefined): Promise<string> {
    const { name, keys, args } = call;
    if (!cause || monotonicNow() < this.#refusedUntilMs)
      return told(await link.provenScript(name, keys, args));
    const { key, text, maxNotes, ttlMs, announce } = cause;
    const announced = announce && !this.#isMute ? [announce.channel, announce.from] : [];
    const given = [...args, text, maxNotes, ttlMs, ...announced];
    try {
      const reply = await link.provenScript(name, [...keys, key], given);
      const refusal = String((reply as [unknown])[0]);
      if (refusal.endsWith(PUBLISH_REFUSED)) this.#mute(refusal);
      else if (refusal !== "1") this.#refused(refusal);
      return told(reply);
    } catch (error) {
      const message = messageOf(error);
      // Its log is no key of this user's: then the script was not run at all.
      if (!/NOPERM.*\bkeys?\b/.test(message)) throw error;
      const reply = await link.provenScript(name, keys, args);
      this.#refused(message);
      return told(reply);
    }
  }

  async read(key: string, { sinceMs, limit }: CauseQuery): Promise<readonly StoredCause[]> {
    const args = [Math.floor(sinceMs), limit];
    const reply = await this.#servers.run(key, (link) => link.script("readCauses", [key], args));
    const texts = (reply as unknown[]).map(String);
    return Array.from({ length: texts.length / 2 }, (_, index) => ({
      atMs: Number(texts[2 * index]),
      text: texts[2 * index + 1] ?? "",
    }));
  }

  async peek(link: ServerLink, { tenant, module, entryKey, fenceKeys }: PeekRequest): Promise<Peek> {
    const keys = [entryKey, this.#keys.ledger(tenant), ...fenceKeys];
    const args = [this.#keys.index(tenant, module, "")];
    const reply = (await link.provenScript("peek", keys, args, true)) as (Buffer | number | null)[];
    const [entry = null, listed, moduleEntries, tenantBytes, ...fences] = reply;
    return {
      entry: Buffer.isBuffer(entry) ? entry : null,
      isListed: Number(listed) === 1,
      moduleEntries: Number(moduleEntries),
      tenantBytes: Number(tenantBytes),
      fences: fenceKeys.map((_, index) => fences[index]?.toString() ?? null),
      runId: link.id,
    };
  }

  #mute(reason: string): void {
    this.#isMute = true;
    this.#notice(
      `other processes are not told of invalidations (${messageOf(new Error(reason))}): allow +publish and the channel, or leave out causes: { shared: true }; said once`,
    );
  }

  #refused(reason: string): void {
    this.#refusedUntilMs = monotonicNow() + REFUSED_FOR_MS;
    if (this.#hasTold) return;
    this.#hasTold = true;
    this.#notice(
      `causes of invalidations are not kept (${messageOf(new Error(reason))}): allow +xadd +xrevrange and ~causes:*, or leave them out with causes: false; said once`,
    );
  }
}

function told(reply: unknown): string {
  return String((reply as readonly unknown[])[1] ?? "");
}
