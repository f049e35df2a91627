// Who asks the lane: what `identify` says of a request, and whether that still holds.
// Tests: test/integration/lane.test.ts
import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Bound, BoundedMap, MAX_ENTRY_CHARACTERS, ownText } from "../bounded-map.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { FenceReading } from "../engine/read-batch.js";
import { tagName, tenantId } from "../identifiers.js";
import type { ReturnedValues } from "../misuse/returned-values.js";
import type { LaneIdentity } from "../options/lane-options.js";
import { fieldOf } from "./request-fields.js";

export interface Caller {
  readonly id: number;
  readonly tenant: string;
  /** In the form of entries: empty for the tenant's own view. */
  readonly scope: string;
  /**
   * The fences of the identity's tags, as they were before the app was asked about this caller. Once one of
   * them is replaced (the caller's rights have changed), what the app has allowed does not count any more.
   * Absent where there are no tags.
   */
  readonly tagFences: FenceReading | undefined;
  /**
   * False until the fences of its tags have been read: what the app allows before that may be revoked
   * unnoticed.
   */
  readonly isKnown: boolean;
}

interface Remembered extends Caller {
  /** Tenant, scope, tags and teller as one text: callers with the same text are the same caller. */
  readonly text: string;
  /** The identity as `identify` returned it, without its principal. */
  readonly identity: Pick<LaneIdentity, "tenant" | "scope" | "tags">;
  readonly kind: TellerKind;
  tagFences: FenceReading | undefined;
  isKnown: boolean;
  isForgotten: boolean;
}

/**
 * The teller of a caller is the text that tells it from others: the identity's principal where it has one, or
 * else the credentials of its requests. The hash of that text stands for it where it is long.
 */
type TellerKind = "principal" | "credentials" | "long principal" | "long credentials";

/** Some thousands of callers with usual tokens. */
const MAX_CHARACTERS = 6 * 1024 * 1024;
/** Of a principal, or of credentials: cookies are as long as a client likes. */
const MAX_TELLER_CHARACTERS = 512;
const BOUND: Bound<Remembered> = { maxCharacters: MAX_CHARACTERS, charactersOf: ({ text }) => text.length };

export class LaneCallers {
  readonly #engine: CacheEngine;
  readonly #returned: ReturnedValues;
  readonly #byText = new BoundedMap(BOUND);
  /** The last caller of each teller: most requests are those of a caller who has just been here. */
  readonly #recent = new BoundedMap(BOUND);
  #ids = 0;

  constructor(engine: CacheEngine, returned: ReturnedValues) {
    this.#engine = engine;
    this.#returned = returned;
  }

  /**
   * `undefined` where the identity names nobody, is in a form that the app's cannot be compared with, or is
   * too long to be remembered. Throws where a tag is none.
   */
  of(identity: LaneIdentity, req: IncomingMessage): Caller | undefined {
    const { principal } = identity;
    const said = principal ?? credentialsOf(req);
    const isLong = said.length > MAX_TELLER_CHARACTERS;
    const teller = isLong ? hash("sha256", said) : said;
    const kind = kindOf(principal !== undefined, isLong);
    const known = this.#recent.get(teller);
    if (known && !known.isForgotten && known.kind === kind && isSame(known.identity, identity)) return known;
    const tenant = tenantId(identity.tenant);
    const scope = identity.scope ?? "";
    const tags = identity.tags ?? NO_TAGS;
    if (
      tenant === undefined ||
      typeof scope !== "string" ||
      typeof teller !== "string" ||
      !Array.isArray(tags)
    ) {
      this.#returned.wrongIdentity(identity);
      return undefined;
    }
    const text = JSON.stringify([tenant, scope, kind, teller, tags]);
    if (text.length > MAX_ENTRY_CHARACTERS / 2) return undefined;
    let caller = this.#byText.get(text);
    if (!caller) {
      const id = this.#ids++;
      const isKnown = tags.length === 0;
      const tagFences = undefined;
      const isForgotten = false;
      caller = {
        id,
        text,
        tenant: ownText(tenant),
        scope: ownText(scope),
        identity: {
          tenant: typeof identity.tenant === "string" ? ownText(identity.tenant) : identity.tenant,
          scope: identity.scope && ownText(identity.scope),
          tags: tags.map(ownText),
        },
        kind,
        tagFences,
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
    this.#engine.lookups.readFences(fenceKeys).then(
      (reading) => {
        caller.tagFences = reading;
        caller.isKnown = reading !== undefined;
      },
      () => undefined,
    );
  }
}

function kindOf(isPrincipal: boolean, isLong: boolean): TellerKind {
  if (isPrincipal) return isLong ? "long principal" : "principal";
  return isLong ? "long credentials" : "credentials";
}

function credentialsOf({ headers }: IncomingMessage): string {
  const authorization = fieldOf(headers, "authorization") ?? "";
  const cookie = fieldOf(headers, "cookie");
  return cookie === undefined ? authorization : `${authorization}\n${cookie}`;
}

function isSame(a: Remembered["identity"], b: Remembered["identity"]): boolean {
  if (a.tenant !== b.tenant || a.scope !== b.scope) return false;
  const [known = NO_TAGS, given = NO_TAGS] = [a.tags, b.tags];
  return known.length === given.length && known.every((tag, index) => tag === given[index]);
}

const NO_TAGS: readonly string[] = [];
