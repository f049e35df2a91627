// The whole CRM for tests: createApp over a fresh database, with two tenants and a client for each role.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import { pino } from "pino";
import supertest from "supertest";
import { type AppDependencies, createApp, createAppBehindLane } from "../../app.js";
import { drain, listen } from "../../http/http-server.js";
import type { Role } from "../../http/identity/auth.js";
import { Authenticator } from "../../http/identity/authenticator.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { createMigratedDatabase, sharedRedisUrl } from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { DescribedAnswers } from "./described-answers.js";
import { PATIENT_MS, patientPool } from "./patient.js";
import { TEST_TTLS } from "./test-ttls.js";

export const SECRET = "a-secret-of-the-tests-with-enough-bytes";
export const TENANT_A = "aaaaaaaa-0000-4000-8000-000000000001";
export const TENANT_B = "bbbbbbbb-0000-4000-8000-000000000002";

export const CRM_STORES = ["memory", "redis"] as const;
export type CrmStore = (typeof CRM_STORES)[number];

/** Requests with a fixed token. */
export interface CrmClient {
  get(path: string): supertest.Test;
  post(path: string, body?: object): supertest.Test;
  put(path: string, body?: object): supertest.Test;
  delete(path: string): supertest.Test;
  options(path: string): supertest.Test;
}

export interface Crm {
  /** Without the lane, which is in front of it at {@link url}. */
  readonly app: Express;
  /** The app alone once more, with other dependencies. */
  twin(changes: Partial<AppDependencies>): Express;
  readonly url: string;
  /** Its description, which every answer to a client is held against. */
  readonly answers: DescribedAnswers;
  readonly pool: Pool;
  readonly cache: TenantCache;
  readonly databaseUrl: string;
  /** A JWT. */
  token(role: Role, tenantId?: string): Promise<string>;
  /** A client of tenant A or B; superadmins may have no tenant. */
  client(role: Role, tenantId?: string): Promise<CrmClient>;
  /** A client with any Authorization header, or none. */
  withAuthorization(authorization?: string): CrmClient;
  /** How many times handlers have taken a database connection. */
  databaseUses(): number;
  close(): Promise<void>;
}

/** Other dependencies; made from what is started, where they need it. */
export type Overrides =
  | Partial<AppDependencies>
  | ((made: Pick<AppDependencies, "pool" | "cache">) => Partial<AppDependencies>);

/** Starts the app, behind the lane as in production, on a free port, over a migrated database that has the tenants A and B. */
export async function startCrm(store: CrmStore = "memory", overrides: Overrides = {}): Promise<Crm> {
  const database = await createMigratedDatabase();
  const pool = patientPool(database.url);
  await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'Tenant A'), ($2, 'Tenant B')", [
    TENANT_A,
    TENANT_B,
  ]);
  const cache = createTenantCache({
    redis: store === "redis" ? await sharedRedisUrl() : undefined,
    keyPrefix: `crm-test:${randomUUID()}:`,
    tenant: (req) => req.auth?.tenantId,
    ...PATIENT,
    logger: quiet,
  });
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error(`the ${store} store is not reachable`);
  let uses = 0;
  pool.on("acquire", () => {
    uses += 1;
  });
  const dependencies: AppDependencies = {
    pool,
    cache,
    isCacheShared: store === "redis",
    authenticator: new Authenticator({ verify: createTokenVerifier({ secret: SECRET }) }),
    logger: pino({ level: "silent" }),
    lifecycle: { draining: false },
    ttlSeconds: TEST_TTLS,
    rateLimit: { max: 0, windowSeconds: 60 },
    healthWithinMs: PATIENT_MS,
    ...(typeof overrides === "function" ? overrides({ pool, cache }) : overrides),
  };
  const { app, listener } = createAppBehindLane(dependencies);
  const answers = await DescribedAnswers.of(app);
  const server = createServer(listener);
  const { port }: AddressInfo = await listen(server, 0, "127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const token = (role: Role, tenantId?: string) =>
    issueToken({ secret: SECRET, subject: `${role}@test`, role, ...(tenantId && { tenantId }) });
  const withAuthorization = (authorization?: string) => clientOf(url, authorization, answers);
  return {
    app,
    answers,
    twin: (changes) => createApp({ ...dependencies, ...changes }),
    url,
    pool,
    cache,
    databaseUrl: database.url,
    withAuthorization,
    token,
    client: async (role, tenantId) => withAuthorization(`Bearer ${await token(role, tenantId)}`),
    databaseUses: () => uses,
    close: async () => {
      await drain(server, 1000);
      await cache.close();
      await pool.end();
      await database.drop();
    },
  };
}

function clientOf(url: string, authorization: string | undefined, answers: DescribedAnswers): CrmClient {
  const agent = supertest(url);
  const authorized = (request: supertest.Test) =>
    asDescribed(answers, authorization === undefined ? request : request.set("Authorization", authorization));
  return {
    get: (path) => authorized(agent.get(path)),
    post: (path, body) => authorized(agent.post(path)).send(body),
    put: (path, body) => authorized(agent.put(path)).send(body),
    delete: (path) => authorized(agent.delete(path)),
    options: (path) => authorized(agent.options(path)),
  };
}

/** Has a request fail where its answer is not one that the description has. */
export function asDescribed(answers: DescribedAnswers, request: supertest.Test): supertest.Test {
  return request.expect((response) => {
    const { method } = request;
    const { pathname } = new URL(request.url);
    const { status, headers, body } = response;
    answers.check({ method, path: pathname, status, contentType: headers["content-type"], body });
  });
}

/** What the response's Cache-Status says after the cache's name: "hit", "fwd=miss; stored", ... without the TTL. */
export function cacheStatus(response: supertest.Response): string {
  const status = response.headers["cache-status"] ?? "";
  return status.replace("express-tenant-cache; ", "").replace(/; ttl=\d+$/, "");
}
