// The bearer token in an Authorization header.
// Tests: test/http/identity.test.ts

// RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1).
const BEARER = /^bearer +([\w.~+/-]+=*)$/i;
const MAX_HEADER_LENGTH = 8192;

/** `undefined` where the header is absent, of another scheme, or too long. */
export function bearerTokenIn(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length > MAX_HEADER_LENGTH) return undefined;
  return BEARER.exec(authorization)?.[1];
}
