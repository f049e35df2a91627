// Verification of bearer tokens: signature, algorithm, times, issuer, audience, and the claims we use.
// Tests: test/http/identity.test.ts, test/unit/authenticator.test.ts
import type { JWTVerifyOptions, JWTVerifyResult } from "jose";
// Each by its own name: all of it are fifty files, which every start of a process would read.
import * as errors from "jose/errors";
import { createRemoteJWKSet } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";
import * as z from "zod";
import { HttpProblem, unauthorized } from "../problem.js";
import { type Auth, OVERLAY_ROLES, ROLES } from "./auth.js";

export interface TokenVerifierOptions {
  /** HS256 secret, at least 32 bytes. Either this or `jwksUrl`. */
  readonly secret?: string | undefined;
  /** Public keys (JSON Web Key Set) of an identity provider. */
  readonly jwksUrl?: string | undefined;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/**
 * Resolves with who the token is about.
 * @throws HttpProblem 401 where the token is not acceptable; 503 where the key set cannot be fetched
 */
export type TokenVerifier = (token: string) => Promise<Auth>;

// Pinned by the kind of key: a public key must never be tried as an HMAC secret, and "none" is no algorithm.
const SECRET_ALGORITHMS = ["HS256"];
const PUBLIC_KEY_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];
/** How long after its expiry a token is still good: clocks differ. */
export const CLOCK_TOLERANCE_SECONDS = 5;

/** RFC 7519 section 5.1 and RFC 9068 section 2.1: what may be an access token. Other tokens of the same issuer are none (RFC 8725 section 3.11). */
const ACCESS_TOKEN_TYPE = /^(application\/)?(at\+)?jwt$/i;
/** The last second of JavaScript's calendar. Redis and PostgreSQL take times in milliseconds up to there, too. */
const LAST_SECOND = 8_640_000_000_000;
// Both become parts of keys.
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "must not contain control characters");

const claimsSchema = z
  .object({
    sub: name,
    exp: z.number().max(LAST_SECOND),
    jti: name.optional(),
    role: z.enum(ROLES),
    overlay_roles: z.array(z.enum(OVERLAY_ROLES)).max(10).optional(),
    tenant_id: z.guid("must be a UUID").toLowerCase().optional(),
    must_change_password: z.boolean().optional(),
  })
  .refine((claims) => claims.tenant_id !== undefined || claims.role === "superadmin", {
    path: ["tenant_id"],
    error: "is required",
  });

/** @throws Error unless exactly one of `secret` and `jwksUrl` is given */
export function createTokenVerifier({
  secret,
  jwksUrl,
  issuer,
  audience,
}: TokenVerifierOptions): TokenVerifier {
  const verify = signatureVerifier(secret, jwksUrl);
  const checks: JWTVerifyOptions = {
    requiredClaims: ["sub", "exp"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  return async (token) => {
    const { payload, protectedHeader } = await verify(token, checks).catch((error: unknown) => {
      throw refusal(error);
    });
    const { typ } = protectedHeader;
    // Many issuers leave it out.
    if (typ !== undefined && !ACCESS_TOKEN_TYPE.test(String(typ)))
      throw unauthorized("The token is no access token: its typ is another one.", "invalid_token");
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) {
      const issue = claims.error.issues[0];
      throw unauthorized(
        `The token's claim ${issue?.path.join(".")} is not usable: ${issue?.message}.`,
        "invalid_token",
      );
    }
    const {
      sub,
      role,
      overlay_roles: overlayRoles = [],
      exp,
      jti,
      tenant_id: tenantId,
      must_change_password: mustChangePassword,
    } = claims.data;
    return {
      subject: sub,
      role,
      ...(overlayRoles.length > 0 && { overlayRoles }),
      ...(tenantId !== undefined && { tenantId }),
      ...(jti !== undefined && { jti }),
      expiresAtMs: exp * 1000,
      ...(mustChangePassword && { mustChangePassword }),
    };
  };
}

type SignatureVerifier = (token: string, checks: JWTVerifyOptions) => Promise<JWTVerifyResult>;

function signatureVerifier(secret: string | undefined, jwksUrl: string | undefined): SignatureVerifier {
  if (jwksUrl !== undefined && secret === undefined) {
    const keys = createRemoteJWKSet(new URL(jwksUrl));
    return (token, checks) => jwtVerify(token, keys, { ...checks, algorithms: PUBLIC_KEY_ALGORITHMS });
  }
  if (secret !== undefined && jwksUrl === undefined) {
    const key = new TextEncoder().encode(secret);
    return (token, checks) => jwtVerify(token, key, { ...checks, algorithms: SECRET_ALGORITHMS });
  }
  throw new Error("a token verifier needs either a secret or a jwksUrl");
}

/** What is wrong with the token is its bearer's to know; which key would have been right is not. */
function refusal(error: unknown): HttpProblem {
  if (error instanceof errors.JWTExpired) return unauthorized("The token has expired.", "invalid_token");
  if (error instanceof errors.JWTClaimValidationFailed) {
    return unauthorized(`The token's claim ${error.claim} is not acceptable.`, "invalid_token");
  }
  if (isTokenError(error)) return unauthorized("The token is not valid.", "invalid_token");
  return new HttpProblem(503, {
    detail: "The keys that tokens are checked with cannot be fetched now. Try again.",
    headers: { "Retry-After": "5" },
    cause: error,
  });
}

const TOKEN_ERRORS = [
  errors.JOSEAlgNotAllowed,
  errors.JOSENotSupported,
  errors.JWKSMultipleMatchingKeys,
  errors.JWKSNoMatchingKey,
  errors.JWSInvalid,
  errors.JWSSignatureVerificationFailed,
  errors.JWTInvalid,
];

function isTokenError(error: unknown): boolean {
  return TOKEN_ERRORS.some((TokenError) => error instanceof TokenError);
}
