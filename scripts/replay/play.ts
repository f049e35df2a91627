// Sends a day's requests at their times.
import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { exchange } from "../../backend/servers/exchange.js";
import type { PlannedRequest } from "./planned-request.js";
import type { ReplayedBackend } from "./replayed-backend.js";

export interface PlayOptions {
  readonly backend: Pick<ReplayedBackend, "port" | "token" | "webhook">;
  readonly requests: readonly PlannedRequest[];
  /** How many times faster than life. */
  readonly compression: number;
  /** Once an answer comes so much later than it was due, no more is sent. */
  readonly giveUpAfterMs: number;
  readonly onProgress: (done: number) => void;
}

export interface Played {
  /** Answers that were no success. */
  readonly failures: readonly string[];
  /** The most that an answer came after its request was due, milliseconds: where that is long, the machine could not keep up. */
  readonly maxLatenessMs: number;
  /** How many times faster than life what was sent has been answered. */
  readonly sustained: number;
}

// Where more requests are under way the machine cannot keep up, which is seen by how late answers are. No more than
// the backend has database connections: none waits for one.
const CONNECTIONS = 32;
const HOUR_MS = 3_600_000;
// Half a second of the shortest TTL's second.
const TICK_MS = 5;

export async function play(options: PlayOptions): Promise<Played> {
  const { backend, requests, onProgress } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const tokens = new Map<string, string>();
  const callerOf = ({ tenantId, agentId = "" }: PlannedRequest) => `${tenantId} ${agentId}`;
  for (const request of requests)
    if (!tokens.has(callerOf(request)))
      tokens.set(callerOf(request), await backend.token(request.tenantId, request.agentId));
  const failures: string[] = [];
  let done = 0;
  const ask = async (request: PlannedRequest): Promise<void> => {
    const { tenantId, method, path, body, changedCrmId, followedBy } = request;
    try {
      const { headers, text, to } =
        changedCrmId === undefined
          ? {
              to: path,
              text: body && JSON.stringify(body),
              headers: headersOf(tokens.get(callerOf(request)), body),
            }
          : backend.webhook(tenantId, changedCrmId);
      const answer = await exchange(agent, backend.port, method, to, headers, text);
      if (answer.status >= 300) failures.push(`${method} ${to}: ${answer.status} ${answer.body}`);
      else
        for (const next of followedBy?.(JSON.parse(answer.body)) ?? [])
          await ask({ ...request, followedBy: undefined, ...next });
    } catch (error) {
      failures.push(`${method} ${path}: ${String(error)}`);
    }
  };
  const send = async (request: PlannedRequest) => {
    await ask(request);
    onProgress(++done);
  };
  try {
    return { failures, ...(await sendInTime(options, send)) };
  } finally {
    agent.destroy();
  }
}

const headersOf = (token: string | undefined, body: object | undefined) => ({
  authorization: `Bearer ${token}`,
  "purpose-of-use": "TREAT",
  ...(body && { "content-type": "application/json" }),
});

type Send = (request: PlannedRequest) => Promise<void>;

async function sendInTime(
  { requests, compression, giveUpAfterMs }: PlayOptions,
  send: Send,
): Promise<Omit<Played, "failures">> {
  const startedAtMs = performance.now();
  const sent: Promise<void>[] = [];
  let maxLatenessMs = 0;
  const answered = async (request: PlannedRequest, atMs: number) => {
    await send(request);
    maxLatenessMs = Math.max(maxLatenessMs, performance.now() - atMs);
  };
  let sentHours = 0;
  for (const request of requests) {
    const atMs = startedAtMs + (request.atHours * HOUR_MS) / compression;
    // Timers are coarse: requests of one tick go together.
    while (performance.now() + TICK_MS < atMs) await delay(atMs - performance.now());
    if (maxLatenessMs > giveUpAfterMs) break;
    sent.push(answered(request, atMs));
    sentHours = request.atHours;
  }
  await Promise.all(sent);
  const tookMs = performance.now() - startedAtMs;
  return { maxLatenessMs: Math.round(maxLatenessMs), sustained: (sentHours * HOUR_MS) / tookMs };
}
