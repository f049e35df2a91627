// The auth services, put together.

import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { Authenticator } from "../../http/identity/authenticator.js";
import type { AuthServices } from "./auth-routes.js";
import { AuthService } from "./auth-service.js";
import type { AuthState } from "./auth-state.js";
import { PasswordService } from "./passwords.js";
import type { TokenSigning } from "./typed-token.js";

export { authRouter, authUnavailable } from "./auth-routes.js";
export { AuthState } from "./auth-state.js";
export { endingSessions } from "./user-changes.js";

export interface AuthOptions {
  /** The authenticator's revocations, too. */
  readonly state: AuthState;
  readonly signing: TokenSigning;
  readonly accessTokenSeconds: number;
  readonly refreshTokenSeconds: number;
  /** Failed logins of one address at one tenant, in a quarter of an hour. */
  readonly maxFailures: number;
  /** The same of one address at all tenants together. */
  readonly maxFailuresPerAddress: number;
}

export interface AuthDependencies {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "invalidateTags">;
  readonly authenticator: Authenticator;
}

/** Made once for an app: its routes and its ear for changes of users share it. */
export function createAuthServices(deps: AuthDependencies, options: AuthOptions): AuthServices {
  const { pool, cache, authenticator } = deps;
  const service = new AuthService({ pool, cache, authenticator, ...options });
  return { service, passwords: new PasswordService({ pool, signing: options.signing, sessions: service }) };
}
