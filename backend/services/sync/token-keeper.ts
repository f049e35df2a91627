// Access tokens of one connection: renewed by one process at a time, kept sealed in the database before they are used.
// Tests: test/integration/sync-tokens.test.ts
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import * as z from "zod";
import type { CrmConnection } from "../../config/crm-connections.js";
import { withTenant } from "../../db/tenant-transaction.js";
import type { AuditTrail } from "../audit/audit-trail.js";
import type { SubjectVault } from "../subjects/subject-vault.js";
import { NeedsReconnect, SourceUnavailable } from "./connector.js";
import type { AccessTokens } from "./crm-http.js";
import { actorOf, connectionRecord, ensureConnection } from "./sync-context.js";

export interface TokenKeeperOptions {
  readonly pool: Pool;
  readonly vault: Pick<SubjectVault, "seal" | "open">;
  readonly audit: Pick<AuditTrail, "append">;
  readonly manager: TenantCache["manager"];
  readonly connection: CrmConnection;
}

interface StoredTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly baseUrl: string;
  /** Absent where the source does not say (Salesforce): it is good until a 401. */
  readonly expiresAtMs?: number | undefined;
  /** Of the configured refresh token that this chain of tokens began with. */
  readonly configured: string;
}

interface TokenRow {
  readonly tokens: Buffer | null;
  readonly token_generation: number;
  readonly token_problem: string | null;
  readonly is_claimed: boolean;
}

const REFRESH_TIMEOUT_MS = 10_000;
/** Longer than a refresh takes: who holds the claim beyond it has died. */
const CLAIM_SECONDS = 30;
/** An access token that ends while its request is under way is renewed before. */
const EARLY_MS = 60_000;
const POLL_MS = 100;

const answerSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
  expires_in: z.coerce.number().positive().optional(),
  instance_url: z.url({ protocol: /^https?$/ }).optional(),
});

export class TokenKeeper implements AccessTokens {
  readonly #options: TokenKeeperOptions;
  readonly #configured: string;
  #current: StoredTokens | undefined;
  #refused: string | undefined;
  #refreshing: Promise<StoredTokens> | undefined;
  /** What came in the place of a token that is spent, and could not be stored: nothing else is good any more. */
  #unsaved: { readonly tokens: StoredTokens; readonly claim: string } | undefined;

  constructor(options: TokenKeeperOptions) {
    this.#options = options;
    this.#configured = createHash("sha256")
      .update(options.connection.refresh_token)
      .digest("hex")
      .slice(0, 16);
  }

  async access(signal: AbortSignal): Promise<StoredTokens> {
    signal.throwIfAborted();
    if (this.#current && this.#isGood(this.#current)) return this.#current;
    // Not bound to the first caller's signal: others wait for it, and a token that has been spent must be stored.
    this.#refreshing ??= this.#locked().finally(() => {
      this.#refreshing = undefined;
    });
    return untilAborted(this.#refreshing, signal);
  }

  refused(accessToken: string): void {
    this.#refused = accessToken;
  }

  #isGood(tokens: StoredTokens): boolean {
    if (tokens.configured !== this.#configured) return false;
    if (tokens.accessToken === this.#refused) return false;
    return tokens.expiresAtMs === undefined || tokens.expiresAtMs - EARLY_MS > Date.now();
  }

  async #locked(): Promise<StoredTokens> {
    const { manager, connection } = this.#options;
    const options = { ttlMs: CLAIM_SECONDS * 1000, waitMs: 2 * REFRESH_TIMEOUT_MS };
    try {
      const lock = `sync:token:${connection.id}`;
      return await manager.tenant(connection.tenant).withLock(lock, options, () => this.#renewed());
    } catch (error) {
      // The lock only spares others the asking. What a token costs is guarded by the claim in the database, which a lock that was
      // lost, or a Redis that is away, cannot break.
      const code = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
      if (code === "ETC_LOCK_LOST" && this.#current && this.#isGood(this.#current)) return this.#current;
      if (code === "ETC_STORE_AWAY" || code === "ETC_LOCK_TIMEOUT" || code === "ETC_LOCK_LOST")
        return this.#renewed();
      throw error;
    }
  }

  async #renewed(): Promise<StoredTokens> {
    if (this.#unsaved) return this.#save(this.#unsaved.tokens, this.#unsaved.claim);
    const giveUpAtMs = performance.now() + 2 * REFRESH_TIMEOUT_MS;
    for (;;) {
      const row = await this.#row();
      const stored = await this.#opened(row.tokens);
      if (stored && this.#isGood(stored)) {
        this.#current = stored;
        return stored;
      }
      // Connected again: the chain of the old configuration is over.
      const isSameChain = stored?.configured === this.#configured;
      const refreshToken = isSameChain ? stored.refreshToken : this.#options.connection.refresh_token;
      if (row.token_problem === problemOf(refreshToken)) throw new NeedsReconnect(RECONNECT);
      const claim = randomUUID();
      if (!row.is_claimed && (await this.#claim(claim, row.token_generation)))
        return this.#spend(refreshToken, claim);
      if (performance.now() > giveUpAtMs) throw new SourceUnavailable("another process renews the token");
      await delay(POLL_MS * (0.5 + Math.random()));
    }
  }

  async #spend(refreshToken: string, claim: string): Promise<StoredTokens> {
    const { connection } = this.#options;
    const previous = this.#current;
    let status: number;
    let body: unknown;
    try {
      const response = await fetch(tokenUrl(connection), {
        method: "POST",
        redirect: "error",
        signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
        // RFC 6749 section 6. In the body: what is in a URL is in logs.
        body: new URLSearchParams({
          grant_type: "refresh_token",
          client_id: connection.client_id,
          client_secret: connection.client_secret,
          refresh_token: refreshToken,
        }),
      });
      status = response.status;
      body = await response.json().catch(() => undefined);
    } catch {
      await this.#release(claim, null);
      throw new SourceUnavailable(`${connection.crm}: the token endpoint does not answer`);
    }
    const answer = answerSchema.safeParse(body);
    if (status >= 400 && status < 500 && status !== 429) {
      await this.#release(claim, problemOf(refreshToken));
      throw new NeedsReconnect(RECONNECT);
    }
    if (status !== 200 || !answer.success) {
      await this.#release(claim, null);
      throw new SourceUnavailable(`${connection.crm}: the token endpoint answers ${status}`);
    }
    const { access_token, refresh_token = refreshToken, expires_in, instance_url } = answer.data;
    const tokens: StoredTokens = {
      accessToken: access_token,
      refreshToken: refresh_token,
      baseUrl: baseUrlOf(connection, instance_url ?? previous?.baseUrl),
      configured: this.#configured,
      ...(expires_in !== undefined && { expiresAtMs: Date.now() + expires_in * 1000 }),
    };
    this.#unsaved = { tokens, claim };
    return this.#save(tokens, claim);
  }

  /** Stored before it is used: a process that dies now leaves what the next one needs. */
  async #save(tokens: StoredTokens, claim: string): Promise<StoredTokens> {
    const { connection, vault } = this.#options;
    const sealed = await vault.seal(connection.tenant, [this.#subject], CONTEXT, tokens);
    await this.#recorded(
      "token renewed",
      `UPDATE sync_connections SET tokens = $2, token_generation = token_generation + 1, token_claim = NULL,
         token_claimed_until = NULL, token_problem = NULL
       WHERE id = $1 AND (token_claim = $3 OR token_claim IS NULL OR token_claimed_until < now())`,
      [connection.id, sealed, claim],
    );
    this.#unsaved = undefined;
    this.#current = tokens;
    return tokens;
  }

  async #row(): Promise<TokenRow> {
    const { pool, connection } = this.#options;
    const { id } = connection;
    await withTenant(pool, connection.tenant, (client) => ensureConnection(client, { connection }));
    const [row] = await this.#query<TokenRow>(
      `SELECT tokens, token_generation::integer, token_problem,
         token_claim IS NOT NULL AND token_claimed_until > now() AS is_claimed
       FROM sync_connections WHERE id = $1`,
      [id],
    );
    if (!row) throw new SourceUnavailable("the connection is not there");
    return row;
  }

  async #claim(claim: string, generation: number): Promise<boolean> {
    const rows = await this.#query(
      `UPDATE sync_connections SET token_claim = $2, token_claimed_until = now() + make_interval(secs => $4)
       WHERE id = $1 AND token_generation = $3 AND (token_claim IS NULL OR token_claimed_until <= now()) RETURNING 1`,
      [this.#options.connection.id, claim, generation, CLAIM_SECONDS],
    );
    return rows.length > 0;
  }

  async #release(claim: string, problem: string | null): Promise<void> {
    await this.#recorded(
      problem === null ? "token not renewed" : "token refused",
      "UPDATE sync_connections SET token_claim = NULL, token_claimed_until = NULL, token_problem = $3 WHERE id = $1 AND token_claim = $2",
      [this.#options.connection.id, claim, problem],
    );
  }

  /** A change of the connection's row, with its record. */
  async #recorded(step: string, sql: string, values: readonly unknown[]): Promise<void> {
    const { pool, connection, audit } = this.#options;
    const outcome = step === "token renewed" ? "success" : "failure";
    await withTenant(pool, connection.tenant, async (client) => {
      await client.query(sql, [...values]);
      const record = connectionRecord({ connection }, { step }, outcome);
      await audit.append(client, connection.tenant, actorOf({ connection }), [record]);
    });
  }

  async #opened(sealed: Buffer | null): Promise<StoredTokens | undefined> {
    if (sealed === null) return undefined;
    return (await this.#options.vault.open(this.#options.connection.tenant, CONTEXT, sealed)) as
      | StoredTokens
      | undefined;
  }

  get #subject(): string {
    return connectionSubject(this.#options.connection.id);
  }

  #query<T extends object>(sql: string, values: readonly unknown[]): Promise<T[]> {
    const { pool, connection } = this.#options;
    return withTenant(
      pool,
      connection.tenant,
      async (client) => (await client.query<T>(sql, [...values])).rows,
    );
  }
}

const CONTEXT = "sync:tokens";
const RECONNECT =
  "the CRM no longer takes the refresh token: connect it again, and put the new one into CRM_CONNECTIONS";

/** What is no person's is sealed under a key of its connection. */
export const connectionSubject = (connectionId: string) => `connection:${connectionId}`;

/** Names a refresh token that was refused, without saying what it is. */
const problemOf = (refreshToken: string) =>
  `refused ${createHash("sha256").update(refreshToken).digest("hex").slice(0, 16)}`;

function tokenUrl(connection: CrmConnection): URL {
  return connection.crm === "hubspot"
    ? new URL("/oauth/v3/token", connection.api_url)
    : new URL("/services/oauth2/token", connection.login_url);
}

/** Salesforce answers where the organisation is. A token that was given over TLS is not carried to where there is none. */
function baseUrlOf(connection: CrmConnection, instanceUrl: string | undefined): string {
  if (connection.crm === "hubspot") return connection.api_url;
  if (instanceUrl === undefined) return connection.login_url;
  const isSecure =
    new URL(instanceUrl).protocol === "https:" || new URL(connection.login_url).protocol === "http:";
  if (!isSecure) throw new SourceUnavailable("salesforce: the token's instance_url does not use TLS");
  return instanceUrl;
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
