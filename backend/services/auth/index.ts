// The auth service, put together.
import type { Router } from "express";
import type { Pool } from "pg";
import type { TenantCache } from "../../cache/index.js";
import type { Authenticator } from "../../http/identity/authenticator.js";
import { authRouter } from "./auth-routes.js";
import { AuthService } from "./auth-service.js";
import type { AuthState } from "./auth-state.js";
import type { TokenSigning } from "./refresh-token.js";

export { authUnavailable } from "./auth-routes.js";
export { AuthState } from "./auth-state.js";

export interface AuthOptions {
  /** The authenticator's revocations, too. */
  readonly state: AuthState;
  readonly signing: TokenSigning;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  /** Failed logins of one address at one tenant, in a quarter of an hour. */
  readonly maxFailures: number;
}

export interface AuthDependencies {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "invalidateTags">;
  readonly authenticator: Authenticator;
}

/** The routes below /api/auth. */
export function mountAuth(deps: AuthDependencies, options: AuthOptions): Router {
  const { pool, cache, authenticator } = deps;
  const service = new AuthService({ pool, cache, authenticator, ...options });
  return authRouter({ service, state: options.state, maxFailures: options.maxFailures });
}
