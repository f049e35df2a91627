// Who asks the lane: what `identify` says of a request, and whether that still holds.
import type { IncomingMessage } from "node:http";
import { BoundedMap } from "../bounded-map.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { FenceWitness } from "../engine/grouped-reads.js";
import { tagName, tenantId } from "../identifiers.js";
import type { ReturnedValues } from "../misuse/returned-values.js";

/** What the lane must know of whoever asks, so that it answers nobody whom the app would have refused. */
export interface LaneIdentity {
  /** As the `tenant` option resolves it in the app. */
  readonly tenant: string;
  /** As the route's `scope` function resolves it; absent for routes without one. */
  readonly scope?: string | undefined;
  /**
   * Stands for all that the app's guards look at: a role, a user. Default: the request's `Authorization` and `Cookie` headers, so
   * that what the app has allowed to one token is not given to another.
   */
  readonly principal?: string | undefined;
  /**
   * Tags whose invalidation ends what is known of this identity: `cache.invalidateTags(tenant, "session-42")` has the app asked again
   * about all requests that come after it, in every process.
   */
  readonly tags?: readonly string[] | undefined;
}

export interface Caller {
  readonly id: number;
  readonly tenant: string;
  /** In the form of entries: empty for the tenant's own view. */
  readonly scope: string;
  /** What the identity's tags looked like before the app was asked; absent where it has none. */
  readonly witness: FenceWitness | undefined;
  /** False until the fences of its tags have been read: what the app allows before that may be revoked unnoticed. */
  readonly isKnown: boolean;
}

interface Remembered extends Caller {
  /** All that the caller is told by. */
  readonly text: string;
  readonly identity: LaneIdentity;
  witness: FenceWitness | undefined;
  isKnown: boolean;
  isForgotten: boolean;
}

const MAX_CALLERS = 10_000;

export class LaneCallers {
  readonly #engine: CacheEngine;
  readonly #returned: ReturnedValues;
  readonly #byText = new BoundedMap<string, Remembered>(MAX_CALLERS);
  /** The last of each principal, or of each pair of credentials, which most identities are told by. */
  readonly #recent = new BoundedMap<string, Remembered>(MAX_CALLERS);
  #ids = 0;

  constructor(engine: CacheEngine, returned: ReturnedValues) {
    this.#engine = engine;
    this.#returned = returned;
  }

  /** `undefined` where the identity names nobody, or in a form that the app's cannot be compared with. Throws where a tag is none. */
  of(identity: LaneIdentity, req: IncomingMessage): Caller | undefined {
    const { principal } = identity;
    const teller = principal ?? credentialsOf(req);
    const known = this.#recent.get(teller);
    if (known && !known.isForgotten && isSame(known.identity, identity)) return known;
    const tenant = tenantId(identity.tenant);
    const { scope = "", tags = [] } = identity;
    if (
      tenant === undefined ||
      typeof scope !== "string" ||
      typeof teller !== "string" ||
      !Array.isArray(tags)
    ) {
      this.#returned.wrongIdentity(identity);
      return undefined;
    }
    const text = JSON.stringify([tenant, scope, principal !== undefined, teller, tags]);
    let caller = this.#byText.get(text);
    if (!caller) {
      const id = this.#ids++;
      const isKnown = tags.length === 0;
      const witness = undefined;
      const isForgotten = false;
      caller = {
        id,
        text,
        tenant,
        scope,
        identity: { ...identity },
        witness,
        isKnown,
        isForgotten,
      };
      this.#byText.set(text, caller);
      if (!isKnown) this.#learnFences(caller, tags.map(tagName));
    }
    this.#recent.set(teller, caller);
    return caller;
  }

  /** Forgets one whose tags were invalidated, and with its id all that the app has allowed to it. */
  forget(caller: Caller): void {
    const remembered = caller as Remembered;
    remembered.isForgotten = true;
    this.#byText.delete(remembered.text);
  }

  #learnFences(caller: Remembered, tags: readonly string[]): void {
    const fenceKeys = tags.map((tag) => this.#engine.keys.tagFence(caller.tenant, tag));
    this.#engine.witness(fenceKeys).then(
      (witness) => {
        caller.witness = witness;
        caller.isKnown = witness !== undefined;
      },
      () => undefined,
    );
  }
}

function credentialsOf({ headers }: IncomingMessage): string {
  const { authorization = "", cookie } = headers;
  return cookie === undefined ? authorization : `${authorization}\n${cookie}`;
}

function isSame(a: LaneIdentity, b: LaneIdentity): boolean {
  if (a.tenant !== b.tenant || a.scope !== b.scope || a.principal !== b.principal) return false;
  return a.tags === b.tags || a.tags?.join("\n") === b.tags?.join("\n");
}
