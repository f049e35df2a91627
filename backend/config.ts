// The environment, parsed once: every variable of .env.example, and nothing else.
import * as z from "zod";
import { AUDIT_SECRETS, AUDIT_VARIABLES, type AuditConfig, auditFrom } from "./config/audit-keys.js";
import { type CrmConnection, parseCrmConnections } from "./config/crm-connections.js";
import { type Encryption, parseEncryptionKeys } from "./config/encryption-keys.js";
import { HEALTH_DETAILS } from "./config/health-details.js";
import { type RedisServers, redisSecrets, redisServersFrom, redisVariables } from "./config/redis-servers.js";
import { type Environment, type ReadFile, readTextFile, withSecretFiles } from "./config/secret-files.js";
import { type SubjectKeys, subjectKeysFrom } from "./config/subject-keys.js";

/** Signs tokens when JWT_SECRET is not set; public, so production refuses it. */
export const DEVELOPMENT_JWT_SECRET = "development-only-secret-change-me-0123456789";
const MIN_SECRET_BYTES = 32;

// An empty value is what `KEY=` in a file or in docker compose means by "not set".
const blankAsUnset = (value: unknown) => (value === "" ? undefined : value);
const variable = <T extends z.ZodType>(schema: T) => z.preprocess(blankAsUnset, schema);
const wholeNumber = (min: number, max: number, fallback: number) =>
  variable(z.coerce.number().pipe(z.int().min(min).max(max)).default(fallback));

const schema = z.object({
  NODE_ENV: variable(z.enum(["development", "test", "production"]).default("development")),
  HOST: variable(z.string().default("127.0.0.1")),
  PORT: wholeNumber(0, 65_535, 4001),
  TRUST_PROXY: variable(z.string().default("loopback")),
  SHUTDOWN_DELAY_MS: variable(z.coerce.number().pipe(z.int().min(0).max(600_000)).optional()),
  SHUTDOWN_GRACE_MS: wholeNumber(0, 600_000, 10_000),
  LOG_LEVEL: variable(z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]).default("info")),
  HEALTH_DETAILS: variable(z.enum(HEALTH_DETAILS).default("figures")),

  DATABASE_URL: variable(z.string("is required").regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")),
  DATABASE_POOL_MAX: wholeNumber(1, 1000, 10),
  MIGRATE_ON_START: variable(z.stringbool().default(true)),

  CACHE_KEY_PREFIX: variable(z.string().default("")),
  CACHE_TTL_LIST_SECONDS: wholeNumber(1, 86_400, 180),
  CACHE_TTL_COUNT_SECONDS: wholeNumber(1, 86_400, 60),
  CACHE_TTL_DETAIL_SECONDS: wholeNumber(1, 86_400, 300),
  CACHE_TTL_PRESET: variable(z.enum(["default", "brief"]).default("default")),
  CACHE_WARM_ON_START: variable(z.stringbool().default(true)),
  CACHE_BUDGET_MS: wholeNumber(1, 10_000, 50),
  CACHE_MAX_BODY_BYTES: wholeNumber(1, 1_073_741_824, 1_048_576),
  CACHE_MAX_BYTES_PER_TENANT: wholeNumber(0, 1_099_511_627_776, 67_108_864),
  CACHE_MEMORY_BYTES: wholeNumber(1024, 1_099_511_627_776, 67_108_864),
  CACHE_STALENESS_PROBE_SECONDS: wholeNumber(0, 3600, 0),
  CACHE_FEED: variable(z.stringbool().default(false)),

  METRICS_TOKEN: variable(
    z
      .string()
      .regex(/^[\x21-\x7e]{16,}$/, "must have at least 16 characters, without spaces: openssl rand -hex 32")
      .optional(),
  ),

  JWT_SECRET: variable(z.string().optional()),
  JWT_JWKS_URL: variable(z.url({ protocol: /^https?$/, error: "must be an http(s) URL" }).optional()),
  JWT_ISSUER: variable(z.string().optional()),
  JWT_AUDIENCE: variable(z.string().optional()),

  ACCESS_TOKEN_SECONDS: wholeNumber(10, 86_400, 900),
  REFRESH_TOKEN_SECONDS: wholeNumber(60, 31_536_000, 2_592_000),
  LOGIN_MAX_FAILURES: wholeNumber(1, 1_000_000, 10),
  LOGIN_MAX_FAILURES_PER_ADDRESS: wholeNumber(1, 1_000_000, 100),

  SYNC_REPLAY_SECONDS: wholeNumber(1, 3600, 15),
  SYNC_PUBLIC_URL: variable(z.url({ protocol: /^https?$/, error: "must be an http(s) URL" }).optional()),

  RATE_LIMIT_MAX: wholeNumber(0, 10_000_000, 6000),
  RATE_LIMIT_WINDOW_SECONDS: wholeNumber(1, 86_400, 60),
});

/** Each may be a file: the variable's name with _FILE behind it. */
const SECRETS = [
  "DATABASE_URL",
  "JWT_SECRET",
  "CACHE_ENCRYPTION_KEYS",
  "METRICS_TOKEN",
  ...AUDIT_SECRETS,
  "SUBJECT_WRAPPING_KEYS",
  "CRM_CONNECTIONS",
  ...redisSecrets("REDIS"),
  ...redisSecrets("REDIS_CACHE"),
];

/** Every variable that is read. */
export const VARIABLES: readonly string[] = [
  ...Object.keys(schema.shape),
  "CACHE_ENCRYPTION_KEYS",
  ...AUDIT_VARIABLES,
  "SUBJECT_WRAPPING_KEYS",
  "SUBJECT_SECRETS_FOLDER",
  "CRM_CONNECTIONS",
  ...redisVariables("REDIS"),
  ...redisVariables("REDIS_CACHE"),
  ...SECRETS.map((name) => `${name}_FILE`),
];

export type Config = Omit<z.output<typeof schema>, "JWT_SECRET" | "SHUTDOWN_DELAY_MS"> & {
  /** Default: 5 s in production, where a proxy has to notice; else none, as whoever works on it waits. */
  readonly SHUTDOWN_DELAY_MS: number;
  /** Absent where keys come from JWT_JWKS_URL. */
  readonly JWT_SECRET: string | undefined;
  /** The persistent Redis, of REDIS_URL. Absent where that is not set. */
  readonly redis: RedisServers | undefined;
  /** The cache's, of REDIS_CACHE_URL. Absent where that is not set. */
  readonly redisCache: RedisServers | undefined;
  /** Of the cache's entries, by CACHE_ENCRYPTION_KEYS. */
  readonly encryption: Encryption | undefined;
  /** What signs the audit trail, and where that is published. */
  readonly audit: AuditConfig;
  /** Of data about subjects. Absent where SUBJECT_WRAPPING_KEYS is not set: then there is no overlay. */
  readonly subjectKeys: SubjectKeys | undefined;
  /** Of tenants with other CRMs, by CRM_CONNECTIONS. */
  readonly crmConnections: readonly CrmConnection[];
};

/** Says everything that is wrong with the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Parses the environment; variables that are not ours are ignored.
 * @param readFile of the files that variables name
 * @throws ConfigError with one line for each variable that is wrong
 */
export function parseConfig(environment: Environment, readFile: ReadFile = readTextFile): Config {
  const { value: env, problems: fileProblems } = withSecretFiles(environment, SECRETS, readFile);
  const redis = redisServersFrom("REDIS", env, readFile);
  const redisCache = redisServersFrom("REDIS_CACHE", env, readFile);
  const encryption = parseEncryptionKeys("CACHE_ENCRYPTION_KEYS", env.CACHE_ENCRYPTION_KEYS);
  const subjectKeys = subjectKeysFrom(env);
  const audit = auditFrom(env, { isOverlayOn: subjectKeys.value !== undefined });
  const crmConnections = parseCrmConnections(env.CRM_CONNECTIONS);
  const checked = [redis, redisCache, encryption, subjectKeys, audit, crmConnections];
  const parsed = schema.safeParse(env);
  const invalid = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  const problems = [invalid, secretProblems(env), syncProblems(env), ...checked.map((one) => one.problems)]
    .flat()
    // What is in a file that cannot be read is not missing as well.
    .filter((problem) => !fileProblems.some((known) => known.startsWith(problem.replace(/:.*/s, "_FILE:"))));
  problems.push(...fileProblems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const { JWT_SECRET, JWT_JWKS_URL, NODE_ENV, SHUTDOWN_DELAY_MS } = parsed.data;
  return {
    ...parsed.data,
    SHUTDOWN_DELAY_MS: SHUTDOWN_DELAY_MS ?? (NODE_ENV === "production" ? 5000 : 0),
    JWT_SECRET: JWT_JWKS_URL === undefined ? (JWT_SECRET ?? DEVELOPMENT_JWT_SECRET) : undefined,
    redis: redis.value,
    redisCache: redisCache.value,
    encryption: encryption.value,
    audit: audit.value,
    subjectKeys: subjectKeys.value,
    crmConnections: crmConnections.value,
  };
}

/** Clients and tokens are at rest under keys alone. */
function syncProblems(env: Environment): string[] {
  const isKept = !env.CRM_CONNECTIONS || env.SUBJECT_WRAPPING_KEYS;
  return isKept ? [] : ["CRM_CONNECTIONS: needs SUBJECT_WRAPPING_KEYS, under which clients are kept"];
}

function secretProblems(env: Environment): string[] {
  const secret = env.JWT_SECRET;
  if (secret && env.JWT_JWKS_URL) return ["JWT_SECRET: set either JWT_SECRET or JWT_JWKS_URL, not both"];
  if (secret && Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    return [
      `JWT_SECRET: must have at least ${MIN_SECRET_BYTES} bytes; make one with: openssl rand -base64 48`,
    ];
  }
  const usesDevelopmentSecret = !env.JWT_JWKS_URL && (!secret || secret === DEVELOPMENT_JWT_SECRET);
  if (env.NODE_ENV === "production" && usesDevelopmentSecret) {
    return [
      "JWT_SECRET: production needs a secret of its own (or JWT_JWKS_URL); make one with: openssl rand -base64 48",
    ];
  }
  return [];
}
