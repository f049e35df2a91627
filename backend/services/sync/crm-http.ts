// Requests to another CRM: bounded in time and size, with a token that is renewed once, and told apart by what may be done about a failure.
// Tests: test/integration/sync-hubspot.test.ts, test/integration/sync-salesforce.test.ts, test/integration/sync-away.test.ts
import { SourceRefused, SourceThrottled, SourceUnavailable } from "./connector.js";
import { SourceCircuit } from "./source-circuit.js";

export interface AccessTokens {
  /** @throws NeedsReconnect, SourceUnavailable */
  access(signal: AbortSignal): Promise<{ readonly accessToken: string; readonly baseUrl: string }>;
  /** The source no longer takes this one. */
  refused(accessToken: string): void;
}

export interface CrmAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface CrmRequest {
  readonly signal: AbortSignal;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses of 4xx that the caller has a meaning for. */
  readonly expects?: readonly number[];
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

export interface CrmHttpOptions {
  /** For messages: "hubspot". */
  readonly name: string;
  readonly tokens: AccessTokens;
  /** How long the answer asks to wait, milliseconds; whether the request was refused for it. */
  limits(answer: CrmAnswer): { readonly pauseMs: number; readonly isRefused: boolean } | undefined;
  /** The error's code, which holds no data: messages of CRMs repeat values. */
  errorCode(body: unknown): string | undefined;
}

const TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_PAUSE_MS = 15 * 60_000;

export class CrmHttp {
  readonly circuit = new SourceCircuit();
  readonly #options: CrmHttpOptions;
  #pausedUntilMs = 0;
  #cookies = "";

  constructor(options: CrmHttpOptions) {
    this.#options = options;
  }

  /** @throws SourceThrottled, SourceUnavailable, SourceRefused, NeedsReconnect; the signal's reason */
  async request(method: string, path: string, request: CrmRequest): Promise<CrmAnswer> {
    const { name } = this.#options;
    request.signal.throwIfAborted();
    const pauseMs = this.#pausedUntilMs - performance.now();
    if (pauseMs > 0) throw new SourceThrottled(Math.ceil(pauseMs), `${name} has asked to wait`);
    if (!this.circuit.mayTry()) throw new SourceUnavailable(`${name} is away: ${this.circuit.reason}`);
    try {
      const answer = await this.#withToken(method, path, request);
      if (!isFailure(answer.status)) this.circuit.worked();
      return this.#judged(answer, request);
    } catch (error) {
      // Who asked has given up, which says nothing of the source; it was a probe all the same.
      if (request.signal.aborted) this.circuit.unknown();
      else if (error instanceof SourceUnavailable) this.circuit.failed(error.message);
      throw error;
    }
  }

  async #withToken(method: string, path: string, request: CrmRequest): Promise<CrmAnswer> {
    const first = await this.#options.tokens.access(request.signal);
    const answer = await this.#send(method, path, request, first);
    if (answer.status !== 401) return answer;
    // Revoked, or its life was shorter than was said (Salesforce says none): a new one is asked for once.
    this.#options.tokens.refused(first.accessToken);
    const second = await this.#options.tokens.access(request.signal);
    return this.#send(method, path, request, second);
  }

  async #send(
    method: string,
    path: string,
    { signal, body, headers, timeoutMs = TIMEOUT_MS }: CrmRequest,
    { accessToken, baseUrl }: { readonly accessToken: string; readonly baseUrl: string },
  ): Promise<CrmAnswer> {
    const { name } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(new URL(path, baseUrl), {
        method,
        // A redirect would take the token along, to wherever it leads.
        redirect: "error",
        signal: AbortSignal.any([signal, timeout]),
        headers: {
          Accept: "application/json",
          Authorization: `Bearer ${accessToken}`,
          ...(this.#cookies !== "" && { Cookie: this.#cookies }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      this.#keepCookies(response.headers);
      const text = await textOf(response);
      return { status: response.status, headers: response.headers, body: parsed(text, response) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof SourceUnavailable) throw error;
      const reason = timeout.aborted ? `no answer within ${timeoutMs} ms` : networkReason(error);
      throw new SourceUnavailable(`${name}: ${reason}`);
    }
  }

  #judged(answer: CrmAnswer, { expects = [] }: CrmRequest): CrmAnswer {
    const { name, limits, errorCode } = this.#options;
    const limit = limits(answer);
    if (limit && limit.pauseMs > 0) {
      const pauseMs = Math.min(limit.pauseMs, MAX_PAUSE_MS);
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, performance.now() + pauseMs);
      if (limit.isRefused)
        throw new SourceThrottled(pauseMs, `${name} asks to wait ${Math.ceil(pauseMs / 1000)} s`);
    }
    const { status } = answer;
    if (status < 400 || expects.includes(status)) return answer;
    const code = errorCode(answer.body);
    const what = `${name} answers ${status}${code === undefined ? "" : ` ${code}`}`;
    if (isFailure(status)) throw new SourceUnavailable(what);
    throw new SourceRefused(status, what);
  }

  /** CometD keeps its sessions on one server, which the cookies name. Deletions and dates of cookies do not matter here. */
  #keepCookies(headers: Headers): void {
    const set = headers.getSetCookie().map((line) => line.split(";", 1)[0] ?? "");
    if (set.length === 0) return;
    const known = new Map(this.#cookies.split("; ").filter(Boolean).map(nameAndValue));
    for (const [cookie, value] of set.map(nameAndValue)) known.set(cookie, value);
    this.#cookies = [...known]
      .map(([cookie, value]) => `${cookie}=${value}`)
      .slice(0, 20)
      .join("; ");
  }
}

/** A server that cannot answer now: trying again may help. */
const isFailure = (status: number) => status >= 500 || status === 408 || status === 425;

const nameAndValue = (pair: string): [string, string] => {
  const equals = pair.indexOf("=");
  return [pair.slice(0, equals), pair.slice(equals + 1)];
};

async function textOf(response: Response): Promise<string> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new SourceUnavailable(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Half a page is no page: what a proxy or a dying server cut off is no JSON. */
function parsed(text: string, response: Response): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // Errors of gateways are HTML.
    if (!response.ok) return undefined;
    throw new SourceUnavailable("an answer that is no JSON");
  }
}

function networkReason(error: unknown): string {
  const partOf = (value: unknown, name: string): unknown =>
    typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  const code = partOf(partOf(error, "cause"), "code");
  return typeof code === "string" ? code : String(error);
}

/** RFC 9110 section 10.2.3: seconds or a date. `undefined` where there is none, or it is neither. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - Date.now());
}
