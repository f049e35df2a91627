// From a bearer token to who it is about: its signature is checked once in a process, its revocation for every request.
import { LRUCache } from "lru-cache";
import { unauthorized } from "../problem.js";
import type { Auth } from "./auth.js";
import { bearerTokenIn } from "./bearer-token.js";
import { CLOCK_TOLERANCE_SECONDS, type TokenVerifier } from "./token-verifier.js";

/** Where revoked tokens are listed. */
export interface Revocations {
  /**
   * Whether the token was revoked.
   * @throws HttpProblem 503 where that cannot be known now: a token that may be revoked is not accepted
   */
  isRevoked(auth: Auth): Promise<boolean>;
}

export interface AuthenticatorOptions {
  readonly verify: TokenVerifier;
  /** Default: nothing is ever revoked. */
  readonly revocations?: Revocations | undefined;
  /** Bound of the remembered tokens' text, in UTF-16 code units. Default 8 Mi, some 20,000 tokens. */
  readonly maxRememberedLength?: number;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** A token is remembered by its whole text: one that differs in a single character is another token, and is verified. */
export class Authenticator {
  readonly #verify: TokenVerifier;
  readonly #revocations: Revocations | undefined;
  readonly #now: () => number;
  readonly #remembered: LRUCache<string, Auth>;

  constructor(options: AuthenticatorOptions) {
    const { verify, revocations, maxRememberedLength = 8 * 1024 * 1024, now = () => Date.now() } = options;
    this.#verify = verify;
    this.#revocations = revocations;
    this.#now = now;
    this.#remembered = new LRUCache({
      maxSize: maxRememberedLength,
      sizeCalculation: (_auth, token) => token.length,
    });
  }

  /** Whether tokens can be revoked at all. */
  get asksForRevocations(): boolean {
    return this.#revocations !== undefined;
  }

  /**
   * Whose token it is.
   * @throws HttpProblem 401 where it is not acceptable or has been revoked; 503 where that cannot be known now
   */
  async authenticate(token: string): Promise<Auth> {
    const auth = this.recall(token) ?? (await this.#verify(token));
    if (await this.#revocations?.isRevoked(auth)) {
      this.#remembered.delete(token);
      throw unauthorized("The token has been revoked.", "invalid_token");
    }
    this.#remembered.set(token, auth);
    return auth;
  }

  /**
   * Whose token it is, at once and without asking for revocations; `undefined` where this process has not authenticated it,
   * or it has expired. Compare the fence of `sessionTag` beside it: a logout in another process replaces that one.
   */
  recall(token: string): Auth | undefined {
    const auth = this.#remembered.get(token);
    if (!auth) return undefined;
    // As the verifier tolerates it, so that what a token may do does not depend on who has seen it before.
    if (this.#now() < auth.expiresAtMs + CLOCK_TOLERANCE_SECONDS * 1000) return auth;
    this.#remembered.delete(token);
    return undefined;
  }

  /** {@link recall} for the text of an Authorization header. */
  recallHeader(authorization: string | undefined): Auth | undefined {
    const token = bearerTokenIn(authorization);
    return token === undefined ? undefined : this.recall(token);
  }

  /** Drops the tokens with this id. */
  forget(jti: string): void {
    for (const [token, auth] of this.#remembered.entries()) {
      if (auth.jti === jti) this.#remembered.delete(token);
    }
  }

  /** How many tokens are remembered. */
  get size(): number {
    return this.#remembered.size;
  }
}
