// A load balancer: round robin over the processes that say they are ready, with no second try.
import { once } from "node:events";
import { Agent, get, type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../servers/until.js";

export interface Sent {
  /** Of the process that has answered. */
  readonly url: string;
  readonly status: number;
  /** "hit", "miss" or "" */
  readonly cache: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any route
  readonly body: any;
}

interface Upstream {
  readonly url: string;
  /** As proxies do it: connections are kept and used again. */
  readonly agent: Agent;
  isReady: boolean;
  /** How often it has been asked whether it is ready. */
  asked: number;
  inFlight: number;
}

const ASKS_EVERY_MS = 50;

export class Balancer {
  readonly #upstreams = new Map<string, Upstream>();
  readonly #closing = new AbortController();
  readonly #asking: Promise<void>[] = [];
  #turn = 0;

  /** Leads requests to it, too, from when it first says that it is ready. */
  add(url: string): void {
    const upstream = { url, agent: new Agent({ keepAlive: true }), isReady: false, asked: 0, inFlight: 0 };
    this.#upstreams.set(url, upstream);
    this.#asking.push(this.#ask(upstream));
  }

  /** Resolves once requests are led there. */
  async leadsTo(url: string): Promise<void> {
    await until(`${url} is ready`, () => this.#upstreams.get(url)?.isReady === true);
  }

  /** Resolves once it has said, asked from now on, that it is not ready, and what was led there has been answered. */
  async hasLeft(url: string): Promise<void> {
    const upstream = this.#upstreams.get(url);
    // The question that is on its way may be from before.
    const from = (upstream?.asked ?? 0) + 2;
    await until(
      `${url} is left alone`,
      () => upstream !== undefined && upstream.asked >= from && !upstream.isReady && upstream.inFlight === 0,
    );
  }

  /** @throws Error where the process that it is led to does not answer */
  async send(token: string, path: string, body?: object): Promise<Sent> {
    const ready = () => [...this.#upstreams.values()].filter(({ isReady }) => isReady);
    // A busy machine may have all of them too late with their answer.
    await until("a process is ready", () => ready().length > 0);
    const upstream = ready()[this.#turn++ % ready().length];
    if (!upstream) throw new Error("no process is ready");
    upstream.inFlight++;
    try {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body && { "content-type": "application/json" }),
      };
      const method = body ? "POST" : "GET";
      const sent = request(upstream.url + path, { method, headers, agent: upstream.agent });
      sent.end(body && JSON.stringify(body));
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      const answer = await json(response);
      const cache = /; (?:fwd=)?(hit|miss)/.exec(String(response.headers["cache-status"]))?.[1] ?? "";
      return { url: upstream.url, status: response.statusCode ?? 0, cache, body: answer };
    } finally {
      upstream.inFlight--;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#asking);
    for (const { agent } of this.#upstreams.values()) agent.destroy();
  }

  async #ask(upstream: Upstream): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      upstream.isReady = (await readyStatus(upstream.url).catch(() => 0)) === 200;
      upstream.asked++;
      await delay(ASKS_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Over a connection of its own. */
async function readyStatus(url: string): Promise<number> {
  const asked = get(`${url}/api/system/health/ready`, { agent: false });
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}
