// Open-loop load: requests are sent on time, whether earlier ones have been answered or not, as users do.
import { setTimeout as delay } from "node:timers/promises";
import { type Dispatcher, Pool } from "undici";
import { HOST, type LoadRequest } from "./request.js";

export interface OpenLoop {
  readonly port: number;
  /** Asked for each request: by its number, from 0. */
  readonly request: (index: number) => LoadRequest;
  readonly perSecond: number;
  readonly seconds: number;
  /** Default 64. */
  readonly connections?: number;
  /** Requests that take longer have failed, milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Ends before its time where this resolves. */
  readonly until?: Promise<unknown>;
}

export interface OpenLoopResult {
  /** Of the requests that were answered with a status below 400: from when each was due to be sent until its end. */
  readonly durationsMs: readonly number[];
  readonly sent: number;
  readonly failed: number;
  /** More waited than the subject would answer in a second: the load was ended. */
  readonly isSaturated: boolean;
}

const TICK_MS = 1;
const CONNECTIONS = 64;

export async function openLoop(options: OpenLoop): Promise<OpenLoopResult> {
  const { port, perSecond, seconds, connections = CONNECTIONS, timeoutMs = 10_000 } = options;
  const pool = new Pool(`http://127.0.0.1:${port}`, {
    connections,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const durationsMs: number[] = [];
  const pending = new Set<Promise<void>>();
  let [sent, failed] = [0, 0];
  let isOver = false;
  void options.until?.finally(() => {
    isOver = true;
  });
  const send = (dueAtMs: number) => {
    const answered = exchange(pool, options.request(sent++)).then((isOk) => {
      pending.delete(answered);
      if (isOk) durationsMs.push(performance.now() - dueAtMs);
      else failed++;
    });
    pending.add(answered);
  };
  const startedAtMs = performance.now();
  const total = perSecond * seconds;
  let isSaturated = false;
  while (sent < total && !isOver && !isSaturated) {
    const dueBy = Math.min(total, ((performance.now() - startedAtMs) / 1000) * perSecond);
    // As the timer allows; what was due while it ran late is sent together.
    while (sent < dueBy) send(performance.now());
    isSaturated = pending.size > Math.max(perSecond, connections);
    await delay(TICK_MS);
  }
  await Promise.all(pending);
  await pool.destroy();
  return { durationsMs, sent, failed, isSaturated };
}

/** Whether it was answered, and with a status below 400. Never rejects. */
function exchange(pool: Pool, { method, target, headers }: LoadRequest): Promise<boolean> {
  return new Promise((resolve) => {
    let isOk = false;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart: (_controller, status) => {
        isOk = status < 400;
      },
      onResponseData: () => undefined,
      onResponseEnd: () => resolve(isOk),
      onResponseError: () => resolve(false),
    };
    pool.dispatch({ method, path: target, headers: { Host: HOST, ...headers } }, handler);
  });
}
