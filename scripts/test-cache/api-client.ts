// Requests of one tenant to the API under test: timed, and with what the cache said about each.
export interface ListAnswer {
  readonly body: string;
  readonly durationMs: number;
  /** What Cache-Status says after the cache's name, without `ttl`: `hit`, `fwd=miss; stored`, ... */
  readonly cache: string;
}

/** What this client has been told so far: the least by which the server's counters must have moved. */
export interface Tally {
  hits: number;
  misses: number;
  bypasses: number;
  sets: number;
  invalidations: number;
}

export type ModuleCounters = Readonly<Partial<Record<keyof Tally, number>>>;

/** The server cannot be reached, or refused a request that has to work. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** Absent where there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

export interface ApiClientOptions {
  /** Of the server: `http://127.0.0.1:4001`. */
  readonly baseUrl: string;
  readonly token: string;
  /** Ends what is under way; deleting what was made still works. */
  readonly signal: AbortSignal;
}

const ANSWERS_WITHIN_MS = 30_000;
/** Asks for no stored answer: the cache never serves a part of an entry. */
export const UNCACHED = { Range: "bytes=0-" } as const;

export class ApiClient {
  readonly tally: Tally = { hits: 0, misses: 0, bypasses: 0, sets: 0, invalidations: 0 };
  readonly #options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.#options = options;
  }

  /** @throws ApiError unless the answer is 200 */
  async list(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ListAnswer> {
    const startedAtMs = performance.now();
    const response = await this.#request("GET", path, { headers });
    const body = await response.text();
    const durationMs = performance.now() - startedAtMs;
    const cache = cacheStatusOf(response.headers);
    if (cache.startsWith("hit")) this.tally.hits++;
    if (cache.startsWith("fwd=miss")) this.tally.misses++;
    if (cache.startsWith("fwd=bypass")) this.tally.bypasses++;
    if (cache.includes("; stored")) this.tally.sets++;
    return { body, durationMs, cache };
  }

  /** @returns the new record's id */
  async create(module: string, document: Readonly<Record<string, unknown>>): Promise<string> {
    const response = await this.#request("POST", `/api/${module}`, {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(document),
    });
    this.tally.invalidations++;
    const { data } = (await response.json()) as { data: { id: string } };
    return data.id;
  }

  async delete(module: string, id: string): Promise<void> {
    await this.#request("DELETE", `/api/${module}/${id}`, { evenWhenInterrupted: true });
    this.tally.invalidations++;
  }

  /** @throws ApiError with status 403 where the token's role may not see the statistics */
  async counters(module: string): Promise<ModuleCounters> {
    const response = await this.#request("GET", "/api/system/cache-stats");
    const { data } = (await response.json()) as { data: { modules: Record<string, ModuleCounters> } };
    return data.modules[module] ?? {};
  }

  async #request(
    method: string,
    path: string,
    init: Pick<RequestInit, "headers" | "body"> & { evenWhenInterrupted?: boolean } = {},
  ): Promise<Response> {
    const { baseUrl, token, signal } = this.#options;
    const { evenWhenInterrupted, ...rest } = init;
    const url = baseUrl + path;
    const timeout = AbortSignal.timeout(ANSWERS_WITHIN_MS);
    let response: Response;
    try {
      response = await fetch(url, {
        ...rest,
        method,
        headers: { ...rest.headers, Authorization: `Bearer ${token}` },
        redirect: "manual",
        signal: evenWhenInterrupted ? timeout : AbortSignal.any([timeout, signal]),
      });
    } catch (error) {
      throw new ApiError(`${method} ${url}: no answer (${reasonOf(error)})`, undefined, error);
    }
    if (response.ok) return response;
    const detail = detailOf(await response.text());
    throw new ApiError(`${method} ${url} was answered ${response.status}${detail}`, response.status);
  }
}

/** Of the member that is ours: caches in between may have added theirs (RFC 9211 section 2). */
function cacheStatusOf(headers: Headers): string {
  const ours = /(?:^|,)\s*express-tenant-cache((?:;[^,;]*)*)/.exec(headers.get("Cache-Status") ?? "")?.[1];
  if (ours === undefined) return "no Cache-Status";
  const parameters = ours.split(";").map((parameter) => parameter.trim());
  return parameters.filter((parameter) => parameter !== "" && !parameter.startsWith("ttl=")).join("; ");
}

/** fetch says "fetch failed"; why is in its cause, and where several addresses were tried, in the errors of that. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause !== undefined) return reasonOf(error.cause);
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error.message;
}

/** Errors of the API are problem documents (RFC 9457). */
function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown };
    return typeof detail === "string" ? `: ${detail}` : "";
  } catch {
    return "";
  }
}
