// A server that runs already: its URL, the token that was given, and a token of another tenant.
import { decodeJwt } from "jose";
import { Client } from "pg";
import { DEVELOPMENT_JWT_SECRET } from "../../backend/config.js";
import { issueToken } from "../../backend/services/tokens.js";
import { ApiClient, ApiError } from "./api-client.js";
import type { Target } from "./run-probes.js";

export interface RunningServerOptions {
  readonly url: string;
  readonly token: string;
  readonly otherToken: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Finds out whether the server answers, and whether a token of another tenant can be had.
 * @throws ApiError where it cannot be reached or does not accept a given token
 */
export async function findRunningServer(options: RunningServerOptions): Promise<Target> {
  const { url, token, otherToken, signal } = options;
  const baseUrl = baseUrlOf(url);
  const listOf = (each: string) =>
    new ApiClient({ baseUrl, token: each, signal }).list("/api/accounts?limit=1");
  await listOf(token);
  if (otherToken !== undefined) {
    const tenant = tenantOf(token);
    if (tenant !== undefined && tenant === tenantOf(otherToken)) {
      throw new ApiError(
        `--other-token is of the same tenant as --token (${tenant}): pass one of another tenant`,
      );
    }
    await listOf(otherToken);
    return { baseUrl, token, other: { token: otherToken } };
  }
  const signed = await signForAnother(tenantOf(token));
  try {
    if (signed === undefined) return { baseUrl, token, other: { missing: "pass --other-token" } };
    await listOf(signed);
    return { baseUrl, token, other: { token: signed } };
  } catch (error) {
    if (!(error instanceof ApiError && (error.status === 401 || error.status === 403))) throw error;
    return { baseUrl, token, other: { missing: "pass --other-token" } };
  }
}

/** @throws ApiError unless it is an HTTP URL */
function baseUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new ApiError(`--url ${text} is no URL of a server: write it as in --url http://127.0.0.1:4001`);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function tenantOf(token: string): unknown {
  try {
    return decodeJwt(token).tenant_id;
  } catch {
    // No JWT: the server will say what it thinks of it.
    return undefined;
  }
}

/** A token that only reads, of another tenant in the database of DATABASE_URL; none where that is not set, or has no other. */
async function signForAnother(tenant: unknown): Promise<string | undefined> {
  const other = await anotherTenant(tenant);
  if (other === undefined) return undefined;
  return await issueToken({
    secret: process.env.JWT_SECRET || DEVELOPMENT_JWT_SECRET,
    subject: "test-cache",
    tenantId: other,
    role: "viewer",
    expiresInSeconds: 3600,
    issuer: process.env.JWT_ISSUER || undefined,
    audience: process.env.JWT_AUDIENCE || undefined,
  });
}

async function anotherTenant(tenant: unknown): Promise<string | undefined> {
  if (!process.env.DATABASE_URL) return undefined;
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  try {
    await client.connect();
    const { rows } = await client.query<{ id: string }>(
      "SELECT id FROM tenants WHERE id::text IS DISTINCT FROM $1 AND suspended_at IS NULL ORDER BY id LIMIT 1",
      [tenant],
    );
    return rows[0]?.id;
  } catch {
    // That of another machine, for example: the token can be passed instead.
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}
