// Whether large values may go past Lua: a user that was made for an older version may lack the rights, and works without.
// Tests: test/integration/least-user.test.ts
import type { KeySpace } from "../key-space.js";
import { messageOf, refusesForGood } from "./error-messages.js";
import type { ServerLink } from "./server-link.js";

/** What a user may not do, in the words of all servers: of a command, of a script's command, of a key. */
const REFUSED = /NOPERM|ACL failure|can't run this command|unknown (redis )?command/i;

export class Parking {
  readonly #keys: KeySpace;
  readonly #notice: (notice: string) => void;
  /** By server: the masters of a Cluster may have different users. */
  readonly #refusing = new WeakSet<ServerLink>();

  constructor(keys: KeySpace, notice: (notice: string) => void) {
    this.#keys = keys;
    this.#notice = notice;
  }

  /** Whether values may be put down beside the script that stores them. */
  isAllowed(link: ServerLink): boolean {
    return !this.#refusing.has(link);
  }

  /** Asks the server for the reason why it is not allowed; for 1 where it is. Rejects as scripts do. */
  probe(link: ServerLink, tenant: string): Promise<unknown> {
    const keys = [this.#keys.entry(tenant, "probe", "1"), this.#keys.parked(tenant, "probe")];
    return link.script("probeParking", keys, []).catch((error: unknown) => {
      // Its keys are none of this user's: then the script was not run at all.
      if (refusesForGood(error)) return messageOf(error);
      throw error;
    });
  }

  /** @param answer what {@link probe} has brought, of a server that can be used */
  heed(link: ServerLink, answer: unknown): void {
    const refusal = String(answer);
    if (!REFUSED.test(refusal)) {
      this.#refusing.delete(link);
      return;
    }
    this.#refusing.add(link);
    this.#notice(
      `values above 2 KB are stored through a script's arguments, which takes the server several times as long (${messageOf(refusal)}); ` +
        "ACL: allow +rename +strlen, and ~ with the keyPrefix and parked:*",
    );
  }
}
