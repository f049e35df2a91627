// The CRM with logging in, as two processes that share a database and a persistent Redis.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createTenantCache } from "express-tenant-cache";
import { pino } from "pino";
import supertest from "supertest";
import { type AppDependencies, createAppBehindLane } from "../../app.js";
import { drain, listen } from "../../http/http-server.js";
import { Authenticator } from "../../http/identity/authenticator.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { type AuthOptions, AuthState } from "../../services/auth/index.js";
import { hashPassword } from "../../services/auth/password.js";
import { connectStateRedis, untilConnected } from "../../state/state-redis.js";
import { PATIENT, quiet } from "./caches.js";
import { asDescribed, type Crm, SECRET, startCrm, TENANT_A } from "./crm.js";
import type { DescribedAnswers } from "./described-answers.js";
import { serversAt } from "./servers-at.js";
import { TEST_TTLS } from "./test-ttls.js";

export const PASSWORD = "correct horse battery staple";

export interface AuthProcess {
  readonly authenticator: Authenticator;
  readonly state: AuthState;
  /** A POST below /api/auth, without a token. */
  post(path: string, body: object): supertest.Test;
  /** A request with a token. */
  as(token: string): {
    get(path: string): supertest.Test;
    post(path: string, body?: object): supertest.Test;
  };
}

export interface AuthCrm extends AuthProcess {
  readonly crm: Crm;
  readonly keyPrefix: string;
  /** Another process of the same backend. */
  readonly neighbour: AuthProcess;
  /** Inserts a user of tenant A with {@link PASSWORD}, and returns the id. */
  addUser(email: string, fields?: { role?: string; is_active?: boolean; tenantId?: string }): Promise<string>;
  close(): Promise<void>;
}

/** @param stateUrl of the persistent Redis */
export async function startAuthCrm(stateUrl: string, options: Partial<AuthOptions> = {}): Promise<AuthCrm> {
  const keyPrefix = `auth-test:${randomUUID()}:`;
  const own = await authDependencies(stateUrl, keyPrefix, options);
  const crm = await startCrm("memory", own.overrides);
  const neighbour = await startNeighbour(crm, stateUrl, keyPrefix, options);
  const hash = await hashPassword(PASSWORD);
  return {
    ...processAt(crm.url, own, crm.answers),
    crm,
    keyPrefix,
    neighbour,
    addUser: async (email, { role = "member", is_active = true, tenantId = TENANT_A } = {}) => {
      const { rows } = await crm.pool.query(
        `INSERT INTO users (tenant_id, email, name, role, is_active, password_hash)
         VALUES ($1, $2, 'Somebody', $3, $4, $5) RETURNING id`,
        [tenantId, email, role, is_active, hash],
      );
      return rows[0].id;
    },
    close: async () => {
      await neighbour.close();
      await crm.close();
      own.state.redis.disconnect();
    },
  };
}

export interface OwnDependencies {
  readonly authenticator: Authenticator;
  readonly state: AuthState;
  readonly overrides: Pick<AppDependencies, "authenticator" | "auth" | "state">;
}

/** What a process has for itself. */
export async function authDependencies(
  stateUrl: string,
  keyPrefix: string,
  options: Partial<AuthOptions> = {},
): Promise<OwnDependencies> {
  // Far above what a busy machine takes: where Redis is away in these suites, it is killed.
  const redis = connectStateRedis(serversAt(stateUrl), {
    commandTimeoutMs: 30_000,
    connectionName: "auth-test",
  });
  while (!(await untilConnected(redis)));
  const state = new AuthState({ redis, keyPrefix });
  const authenticator = new Authenticator({
    verify: createTokenVerifier({ secret: SECRET }),
    revocations: state,
  });
  const auth: AuthOptions = {
    state,
    signing: { secret: SECRET },
    accessTokenSeconds: 900,
    refreshTokenSeconds: 86_400,
    maxFailures: 1000,
    maxFailuresPerAddress: 1000,
    ...options,
  };
  return { authenticator, state, overrides: { authenticator, auth, state: { redis, keyPrefix } } };
}

async function startNeighbour(
  { pool, answers }: Crm,
  stateUrl: string,
  keyPrefix: string,
  options: Partial<AuthOptions>,
): Promise<AuthProcess & { close(): Promise<void> }> {
  const own = await authDependencies(stateUrl, keyPrefix, options);
  const cache = createTenantCache({ tenant: (req) => req.auth?.tenantId, logger: quiet, ...PATIENT });
  const { listener } = createAppBehindLane({
    pool,
    cache,
    logger: pino({ level: "silent" }),
    lifecycle: { draining: false },
    ttlSeconds: TEST_TTLS,
    rateLimit: { max: 0, windowSeconds: 60 },
    ...own.overrides,
  });
  const server = createServer(listener);
  const { port } = await listen(server, 0, "127.0.0.1");
  return {
    ...processAt(`http://127.0.0.1:${port}`, own, answers),
    close: async () => {
      await drain(server, 1000);
      await cache.close();
      own.state.redis.disconnect();
    },
  };
}

function processAt(
  url: string,
  { authenticator, state }: OwnDependencies,
  answers: DescribedAnswers,
): AuthProcess {
  const agent = supertest(url);
  return {
    authenticator,
    state,
    post: (path, body) => asDescribed(answers, agent.post(`/api/auth${path}`).send(body)),
    as: (token) => ({
      get: (path) => asDescribed(answers, agent.get(path).set("Authorization", `Bearer ${token}`)),
      post: (path, body) =>
        asDescribed(answers, agent.post(path).set("Authorization", `Bearer ${token}`).send(body)),
    }),
  };
}
