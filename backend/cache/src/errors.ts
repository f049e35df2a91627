// The one error class of the library, and its stable codes.
// Tests: test/unit/error-codes.test.ts

/** Codes are stable across versions; each has an anchor of the same name in `docs/error-codes.md`. */
export type TenantCacheErrorCode =
  | "ETC_OPTIONS"
  | "ETC_ARGUMENTS"
  | "ETC_MODULE_NAME"
  | "ETC_TTL"
  | "ETC_TENANT_ID"
  | "ETC_TAG"
  | "ETC_REDIS_CLIENT"
  | "ETC_REDIS_KEY_PREFIX"
  | "ETC_REDIS_REPLICA"
  | "ETC_REDIS_MISSING"
  | "ETC_STORE_PART"
  | "ETC_LEASED"
  | "ETC_LIGHT_MY_REQUEST"
  | "ETC_LIBPG_QUERY"
  | "ETC_AUTO"
  | "ETC_TRACK"
  | "ETC_PROM_CLIENT"
  | "ETC_OPENTELEMETRY"
  | "ETC_EXPLAIN_APP"
  | "ETC_EXPLAIN_TENANT"
  | "ETC_OPERATIONS_ACCESS"
  | "ETC_CLI_ARGUMENTS"
  | "ETC_CLI_UNREACHABLE"
  | "ETC_CLI_REFUSED"
  | "ETC_NEST_ADAPTER"
  | "ETC_CONSOLE_AUTHORIZE"
  | "ETC_CONSOLE_ACCESS"
  | "ETC_CONSOLE_PAGE"
  | "ETC_KEY"
  | "ETC_KEY_PATTERN"
  | "ETC_KEY_COLLISION"
  | "ETC_VALUE"
  | "ETC_VALUE_TOO_LARGE"
  | "ETC_STORE_AWAY"
  | "ETC_LOCK_TIMEOUT"
  | "ETC_LOCK_LOST"
  | "ETC_FLUSH_REFUSED";

const PAGE = "https://github.com/express-tenant-cache/express-tenant-cache/blob/main/docs/error-codes.md";

/**
 * Thrown for misconfiguration and misuse, when a route is mounted rather than when it is called; and by
 * counters and locks, which are state and not cache, where the store cannot answer for them. Its message
 * begins with the code and ends with {@link help}.
 */
export class TenantCacheError extends Error {
  override readonly name = "TenantCacheError";
  readonly code: TenantCacheErrorCode;
  /** URL of the section that explains the code. The package holds the same page as `docs/error-codes.md`. */
  readonly help: string;

  constructor(code: TenantCacheErrorCode, message: string, options?: { readonly cause?: unknown }) {
    const help = `${PAGE}#${code.toLowerCase()}`;
    super(`${code}: ${message} (${help})`, options);
    this.code = code;
    this.help = help;
  }
}
