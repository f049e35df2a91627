// Requests one after the other, each measured: the first ones of a process that has just begun to listen.
import { Client } from "undici";
import { quantile } from "../statistics.js";
import { HOST, type LoadRequest } from "./request.js";

export interface FirstRequests {
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly allMs: number;
}

/** @throws Error where one is not answered with the status 200 */
export async function askInTurn(port: number, requests: readonly LoadRequest[]): Promise<FirstRequests> {
  const client = new Client(`http://127.0.0.1:${port}`);
  const durationsMs: number[] = [];
  const startedAtMs = performance.now();
  try {
    for (const { method, target, headers } of requests) {
      const sentAtMs = performance.now();
      const answer = await client.request({ method, path: target, headers: { Host: HOST, ...headers } });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode} for ${target}`);
      durationsMs.push(performance.now() - sentAtMs);
    }
  } finally {
    await client.destroy();
  }
  return {
    firstMs: durationsMs[0] ?? Number.NaN,
    p50Ms: quantile(durationsMs, 0.5),
    p99Ms: quantile(durationsMs, 0.99),
    allMs: performance.now() - startedAtMs,
  };
}
