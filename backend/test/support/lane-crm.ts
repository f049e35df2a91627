// The CRM behind the lane, as processes that share PostgreSQL, the cache and the persistent Redis; what reaches Express is counted.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { CacheMonitor, createTenantCache, type LaneApp } from "express-tenant-cache";
import { pino } from "pino";
import { type AppDependencies, createAppBehindLane } from "../../app.js";
import { drain, listen } from "../../http/http-server.js";
import type { Role } from "../../http/identity/auth.js";
import { sharedRedisUrl } from "../../servers/index.js";
import { exchange, withoutClock } from "../../servers/raw-http.js";
import { hashPassword } from "../../services/auth/password.js";
import { issueToken } from "../../services/tokens.js";
import { authDependencies, PASSWORD } from "./auth-crm.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";
import { type Crm, SECRET, startCrm, TENANT_A } from "./crm.js";
import { TEST_TTLS } from "./test-ttls.js";

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export interface LogLine {
  readonly msg: string;
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly bytes?: number;
  readonly ms: number;
  readonly cache: string;
}

export interface LaneProcess {
  /** Every byte of the answer, but for what the clock decides. */
  ask(token: string | undefined, target: string, asked?: Asked): Promise<string>;
  /** GETs until an answer has not come from Express: that one, and the one before it, which Express has given. */
  warm(token: string, target: string): Promise<{ readonly viaApp: string; readonly viaLane: string }>;
  /** Requests that have reached Express. */
  dispatched(): number;
  readonly log: readonly LogLine[];
}

export interface LaneCrmOptions {
  readonly rateLimit?: AppDependencies["rateLimit"];
  /** Whether the processes share a cache. Default true; without, each has its own in memory. */
  readonly isCacheShared?: boolean;
}

export interface LaneCrm {
  readonly here: LaneProcess;
  readonly there: LaneProcess;
  /** A token that no session has issued. */
  token(
    role: Role,
    claims?: { tenantId?: string; subject?: string; expiresInSeconds?: number },
  ): Promise<string>;
  /** Logs a new user of tenant A in. */
  login(
    email: string,
    role?: Role,
  ): Promise<{ readonly id: string; readonly token: string; readonly refreshToken: string }>;
  close(): Promise<void>;
}

export async function startLaneCrm(options: LaneCrmOptions = {}): Promise<LaneCrm> {
  const crm = await startCrm();
  const keyPrefix = `lane-crm-test:${randomUUID()}:`;
  const [here, there] = await Promise.all([
    startProcess(crm, keyPrefix, options),
    startProcess(crm, keyPrefix, options),
  ]);
  const passwordHash = await hashPassword(PASSWORD);
  return {
    here,
    there,
    token: (role, { tenantId = TENANT_A, subject = `${role}@test`, expiresInSeconds = 900 } = {}) =>
      issueToken({ secret: SECRET, role, subject, expiresInSeconds, ...(tenantId && { tenantId }) }),
    login: async (email, role = "member") => {
      const { rows } = await crm.pool.query(
        `INSERT INTO users (tenant_id, email, name, role, password_hash) VALUES ($1, $2, 'Somebody', $3, $4) RETURNING id`,
        [TENANT_A, email, role, passwordHash],
      );
      const body = { tenant_id: TENANT_A, email, password: PASSWORD };
      const { data } = bodyOf(await here.ask(undefined, "/api/auth/login", { method: "POST", body }));
      return { id: rows[0].id, token: data.access_token, refreshToken: data.refresh_token };
    },
    close: async () => {
      await Promise.all([here.close(), there.close()]);
      await crm.close();
    },
  };
}

async function startProcess(
  { pool }: Crm,
  keyPrefix: string,
  { rateLimit = { max: 0, windowSeconds: 60 }, isCacheShared = true }: LaneCrmOptions,
): Promise<LaneProcess & { close(): Promise<void> }> {
  const redis = await sharedRedisUrl();
  const own = await authDependencies(redis, keyPrefix);
  const cache = createTenantCache({
    redis: isCacheShared ? redis : undefined,
    keyPrefix,
    tenant: (req) => req.auth?.tenantId,
    ...PATIENT,
    logger: quiet,
  });
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("the cache's store is not reachable");
  let dispatched = 0;
  const counted = (app: LaneApp): LaneApp =>
    Object.assign(
      (req: Parameters<LaneApp>[0], res: Parameters<LaneApp>[1]) => {
        dispatched += 1;
        app(req, res);
      },
      { enabled: (setting: string) => app.enabled?.(setting) ?? false },
    );
  const log: LogLine[] = [];
  const { listener } = createAppBehindLane({
    pool,
    // Of the cache itself: it refuses copies.
    monitor: new CacheMonitor(cache),
    cache: {
      ...cache,
      // A lane that asks Express anew in between would be counted.
      lane: (app, laneOptions) => cache.lane(counted(app), { ...laneOptions, relearnSeconds: 600 }),
    },
    isCacheShared,
    logger: pino({ level: "info" }, { write: (line) => log.push(JSON.parse(line)) }),
    lifecycle: { draining: false },
    ttlSeconds: TEST_TTLS,
    rateLimit,
    ...own.overrides,
  });
  const server = createServer(listener);
  const { port } = await listen(server, 0, "127.0.0.1");
  const ask: LaneProcess["ask"] = async (token, target, asked = {}) => {
    const answer = withoutClock(await exchange(port, textOf(token, target, asked)));
    await cache.idle();
    return answer;
  };
  return {
    ask,
    warm: async (token, target) => {
      let viaApp = "";
      for (let tries = 0; tries < 20; tries++) {
        const before = dispatched;
        const answer = await ask(token, target);
        if (dispatched === before) return { viaApp, viaLane: answer };
        viaApp = answer;
      }
      throw new Error(`the lane does not answer ${target}; Express says ${viaApp}`);
    },
    dispatched: () => dispatched,
    log,
    close: async () => {
      await drain(server, 1000);
      await cache.close();
      own.state.redis.disconnect();
    },
  };
}

function textOf(token: string | undefined, target: string, { method = "GET", headers, body }: Asked): string {
  const text = body === undefined ? "" : JSON.stringify(body);
  const fields = {
    Host: "crm.example",
    Connection: "close",
    "X-Request-Id": "test",
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    ...(body !== undefined && {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(text),
    }),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
}

/** The JSON body of an answer. */
export function bodyOf(answer: string) {
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
}

/** The value of a header of an answer. */
export function headerOf(answer: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, "im").exec(answer)?.[1];
}
