// Sends a day's requests: at their times, or as fast as they are answered.
import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { exchange } from "../../backend/servers/exchange.js";
import type { ReplayedBackend } from "./replayed-backend.js";
import type { PlannedRequest } from "./traffic.js";

export interface PlayOptions {
  readonly backend: ReplayedBackend;
  readonly requests: readonly PlannedRequest[];
  /** How many times faster than life; `undefined`: as fast as they are answered, 16 at a time. */
  readonly compression?: number;
  readonly onProgress: (done: number) => void;
}

export interface Played {
  /** Answers that were no success. */
  readonly failures: readonly string[];
  /** The most that a request was late, milliseconds. */
  readonly maxLatenessMs: number;
}

const CONNECTIONS = 16;
const HOUR_MS = 3_600_000;
// Half a second of the shortest TTL's second.
const TICK_MS = 5;

export async function play({ backend, requests, compression, onProgress }: PlayOptions): Promise<Played> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const tokens = new Map<string, string>();
  for (const { tenantId } of requests)
    if (!tokens.has(tenantId)) tokens.set(tenantId, await backend.token(tenantId));
  const failures: string[] = [];
  let done = 0;
  const send = async ({ tenantId, method, path, body }: PlannedRequest) => {
    const headers = {
      authorization: `Bearer ${tokens.get(tenantId)}`,
      ...(body && { "content-type": "application/json" }),
    };
    try {
      const answer = await exchange(agent, backend.port, method, path, headers, body && JSON.stringify(body));
      if (answer.status >= 300) failures.push(`${method} ${path}: ${answer.status} ${answer.body}`);
    } catch (error) {
      failures.push(`${method} ${path}: ${String(error)}`);
    }
    onProgress(++done);
  };
  try {
    const maxLatenessMs =
      compression === undefined
        ? await sendAll(requests, send)
        : await sendInTime(requests, compression, send);
    return { failures, maxLatenessMs };
  } finally {
    agent.destroy();
  }
}

type Send = (request: PlannedRequest) => Promise<void>;

async function sendAll(requests: readonly PlannedRequest[], send: Send): Promise<number> {
  const rest = requests.values();
  const work = async () => {
    for (const request of rest) await send(request);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  return 0;
}

async function sendInTime(
  requests: readonly PlannedRequest[],
  compression: number,
  send: Send,
): Promise<number> {
  const startedAtMs = performance.now();
  const sent: Promise<void>[] = [];
  let maxLatenessMs = 0;
  for (const request of requests) {
    const atMs = startedAtMs + (request.atHours * HOUR_MS) / compression;
    // Timers are coarse: requests of one tick go together.
    while (performance.now() + TICK_MS < atMs) await delay(atMs - performance.now());
    maxLatenessMs = Math.max(maxLatenessMs, performance.now() - atMs);
    sent.push(send(request));
  }
  await Promise.all(sent);
  return Math.round(maxLatenessMs);
}
