// What both CRMs' local servers are made of: an OAuth token endpoint with rotation, limits, and faults that a test orders.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const CLIENT_ID = "client-of-the-tests";
export const CLIENT_SECRET = "secret-of-the-tests";

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any request
  readonly json: any;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/**
 * - `500`: an answer of a server that fails. - `reset`: the connection ends without an answer, before anything is done;
 *   `reset-after`: when it has been done. - `half`: an answer that ends in the middle. - `hang`: none.
 */
export type Fault = "500" | "reset" | "reset-after" | "half" | "hang";

export abstract class CrmServer {
  /** Good for one use each where {@link rotates}. */
  refreshToken = `first-${randomUUID()}`;
  rotates = true;
  expiresInSeconds = 1800;
  refreshes = 0;
  /** A refresh token that had been used was used again: all tokens are revoked for it. */
  spentTwice = 0;
  /** How long the token endpoint takes. */
  refreshMs = 0;
  /** How long each request takes. */
  slowMs = 0;
  /** Told before a request is carried out and after it; `true` ends the connection there. */
  intercept: ((name: string, phase: "before" | "after") => Promise<boolean>) | undefined;
  readonly calls: { readonly method: string; readonly path: string }[] = [];
  readonly #accessTokens = new Map<string, number>();
  readonly #spent = new Set<string>();
  #isRevoked = false;
  readonly #faults: { readonly fault: Fault; readonly matches: RegExp }[] = [];
  #away: Fault | undefined;
  readonly #server: Server;
  url = "";

  constructor() {
    this.#server = createServer((req, res) => {
      this.#answer(req, res).catch(() => res.destroy());
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The next request whose "METHOD path" matches has it. */
  failNext(fault: Fault, matches = /./, times = 1): void {
    for (let time = 0; time < times; time += 1) this.#faults.push({ fault, matches });
  }

  /** All requests have it, until {@link comeBack}. */
  goAway(fault: Fault): void {
    this.#away = fault;
  }

  comeBack(): void {
    this.#away = undefined;
    this.#faults.length = 0;
  }

  /** Of no access token any more: the next request gets a 401. */
  expireTokens(): void {
    this.#accessTokens.clear();
  }

  revoke(): void {
    this.#isRevoked = true;
    this.expireTokens();
  }

  /** The calls whose "METHOD path" matches. */
  count(matches: RegExp): number {
    return this.calls.filter(({ method, path }) => matches.test(`${method} ${path}`)).length;
  }

  protected abstract readonly tokenPath: string;
  protected abstract handle(call: Call): Reply | Promise<Reply>;
  protected abstract limited(call: Call): Reply | undefined;
  protected abstract unauthorized(): Reply;
  protected abstract failure(): Reply;
  protected tokenExtras(): Record<string, unknown> {
    return {};
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const url = new URL(req.url ?? "/", this.url);
    const isJson = (req.headers["content-type"] ?? "").startsWith("application/json");
    const call: Call = {
      method: req.method ?? "GET",
      path: url.pathname,
      url,
      headers: req.headers,
      text,
      json: isJson && text !== "" ? JSON.parse(text) : undefined,
    };
    this.calls.push({ method: call.method, path: call.path });
    const name = `${call.method} ${call.path}`;
    const ordered = this.#faults.findIndex(({ matches }) => matches.test(name));
    const fault = ordered === -1 ? this.#away : this.#faults.splice(ordered, 1)[0]?.fault;
    if (fault === "hang") return;
    if (fault === "reset") {
      res.destroy();
      return;
    }
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    if (await this.intercept?.(name, "before")) {
      res.destroy();
      return;
    }
    const reply = fault === "500" ? this.failure() : await this.#reply(call);
    if (fault === "reset-after" || (await this.intercept?.(name, "after"))) {
      res.destroy();
      return;
    }
    const body = reply.body === undefined ? "" : JSON.stringify(reply.body);
    res.writeHead(reply.status, {
      ...(body !== "" && { "Content-Type": "application/json;charset=utf-8" }),
      ...reply.headers,
    });
    res.end(fault === "half" ? body.slice(0, Math.floor(body.length / 2)) : body);
  }

  async #reply(call: Call): Promise<Reply> {
    if (call.path === this.tokenPath) return this.#token(call);
    const token = /^Bearer (.+)$/.exec(call.headers.authorization ?? "")?.[1] ?? "";
    if ((this.#accessTokens.get(token) ?? 0) < Date.now()) return this.unauthorized();
    return this.limited(call) ?? (await this.handle(call));
  }

  async #token(call: Call): Promise<Reply> {
    // RFC 6749 section 5.2.
    const invalid = {
      status: 400,
      body: { error: "invalid_grant", error_description: "expired access/refresh token" },
    };
    const given = new URLSearchParams(call.text);
    if (given.get("client_id") !== CLIENT_ID || given.get("client_secret") !== CLIENT_SECRET)
      return { status: 400, body: { error: "invalid_client" } };
    if (this.refreshMs > 0) await new Promise((resolve) => setTimeout(resolve, this.refreshMs));
    const token = given.get("refresh_token") ?? "";
    if (this.#spent.has(token)) {
      this.spentTwice += 1;
      this.revoke();
    }
    if (this.#isRevoked || token !== this.refreshToken || given.get("grant_type") !== "refresh_token")
      return invalid;
    this.refreshes += 1;
    if (this.rotates) {
      this.#spent.add(token);
      this.refreshToken = `next-${randomUUID()}`;
    }
    const accessToken = `access-${randomUUID()}`;
    this.#accessTokens.set(accessToken, Date.now() + this.expiresInSeconds * 1000);
    return {
      status: 200,
      body: {
        access_token: accessToken,
        token_type: "bearer",
        ...(this.rotates && { refresh_token: this.refreshToken }),
        ...this.tokenExtras(),
      },
    };
  }
}
