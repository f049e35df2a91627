// Asks an app's `cache.operations` by HTTP, and says in a line why it did not answer.
// Tests: test/integration/cli-app.test.ts
import { messageOf } from "../thrown.js";
import type { AppTarget } from "./app-target.js";
import type { Context } from "./context.js";
import { refused, unreachable, wrongArguments } from "./exit-codes.js";

export type Query = Readonly<Record<string, string | number | undefined>>;

/** The plan of a purge is not known where it was sent: another process has answered. */
export class PlanUnknown extends Error {
  override readonly name = "PlanUnknown";
}

export class AppClient {
  readonly #target: AppTarget;
  readonly #context: Pick<Context, "timeoutMs" | "ended">;

  constructor(target: AppTarget, context: Pick<Context, "timeoutMs" | "ended">) {
    this.#target = target;
    this.#context = context;
  }

  /** @throws TenantCacheError `ETC_CLI_ARGUMENTS`, `ETC_CLI_UNREACHABLE`, `ETC_CLI_REFUSED` */
  async get<T>(path: string, query: Query = {}): Promise<T> {
    return (await this.#ask(path, query)).data as T;
  }

  /** With `isDone` false where the app has begun, and not confirmed yet. */
  async post<T>(path: string, body: object): Promise<{ readonly data: T; readonly isDone: boolean }> {
    const { data, status } = await this.#ask(path, {}, body);
    return { data: data as T, isDone: status !== 202 };
  }

  /** Values, one a line, until the app ends them, or the command is ended. */
  async *lines(path: string, query: Query): AsyncGenerator<Record<string, unknown>> {
    const response = await this.#send(path, query, undefined, this.#context.ended);
    await this.#refuse(response);
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const chunk of response.body ?? []) {
        rest += decoder.decode(chunk, { stream: true });
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.trim() !== "") yield this.#parsed(line);
      }
    } catch (error) {
      if (!this.#context.ended.aborted) throw this.#lost(error);
    }
  }

  async #ask(path: string, query: Query, body?: object): Promise<{ data: unknown; status: number }> {
    const { timeoutMs, ended } = this.#context;
    const signal = AbortSignal.any([ended, AbortSignal.timeout(timeoutMs)]);
    const response = await this.#send(path, query, body, signal);
    await this.#refuse(response);
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      throw this.#lost(error);
    }
    return { data: this.#parsed(text).data, status: response.status };
  }

  async #send(path: string, query: Query, body: object | undefined, signal: AbortSignal): Promise<Response> {
    const url = new URL(path, this.#target.base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const headers = new Headers(this.#target.headers);
    headers.set("accept", "application/json, application/x-ndjson");
    if (body) headers.set("content-type", "application/json");
    try {
      return await fetch(url, {
        headers,
        signal,
        // A login page is not what was asked for, and a token is for this host alone.
        redirect: "manual",
        ...(body && { method: "POST", body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw this.#lost(error);
    }
  }

  #lost(error: unknown): Error {
    const { name, timeoutMs } = { name: this.#target.name, ...this.#context };
    const { cause } = Object(error) as { readonly cause?: unknown };
    const { code, errors } = Object(cause) as { code?: unknown; errors?: readonly unknown[] };
    const isLate = (error as { name?: unknown }).name === "TimeoutError";
    // Of a host with several addresses, the first failure says as much as any.
    const reason = isLate ? `no answer within ${timeoutMs} ms` : messageOf(errors?.[0] ?? cause ?? error);
    return unreachable(`${name} cannot be reached (${reason || String(code)})`, error);
  }

  /** @throws TenantCacheError for every answer but a good one */
  async #refuse(response: Response): Promise<void> {
    const { status, ok } = response;
    if (ok) return;
    const { name } = this.#target;
    const said = await errorIn(response);
    const told = said ? `${said.code}: ${said.message}` : `HTTP ${status}`;
    if (status === 409 && said) throw new PlanUnknown(said.message);
    if (status >= 300 && status < 400)
      throw refused(
        `${name} leads elsewhere (HTTP ${status} to ${response.headers.get("location")}): it wants a login, or --app is another URL`,
      );
    if (status === 401 || status === 403)
      throw refused(
        `${name} does not allow this (${told}): set ETC_APP_TOKEN, or write --header @file, of somebody whom authorize lets do it; with --tenant where it is for one tenant`,
      );
    if (status === 404 && !said)
      throw wrongArguments(
        `${name} is not where cache.operations is mounted (HTTP 404): write --app with the path in app.use(path, cache.operations(…))`,
      );
    if (status === 429)
      throw refused(
        `${name} is asked too often (${told}): again in ${response.headers.get("retry-after") ?? "some"} s`,
      );
    if (status >= 500) throw unreachable(`${name} does not answer (${told})`);
    throw wrongArguments(`${name} refuses it (${told})`);
  }

  #parsed(text: string): Record<string, unknown> {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
    } catch {
      // Told below.
    }
    throw wrongArguments(
      `what answers at ${this.#target.name} is not cache.operations: write --app with the path where it is mounted`,
    );
  }
}

async function errorIn(
  response: Response,
): Promise<{ readonly code: string; readonly message: string } | undefined> {
  try {
    const { error } = Object(JSON.parse(await response.text())) as {
      error?: { readonly code?: unknown; readonly message?: unknown };
    };
    return error ? { code: String(error.code), message: String(error.message) } : undefined;
  } catch {
    return undefined;
  }
}
