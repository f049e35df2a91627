// What a server says of itself and how it answers: read once, judged elsewhere.
// Tests: test/integration/cli-doctor.test.ts
import { messageOf } from "../../store/redis/error-messages.js";
import { monotonicNow } from "../../timers.js";
import type { RedisNode } from "../redis-access.js";

export interface ServerFacts {
  readonly address: string;
  /** Fields of INFO; empty where it is refused. */
  readonly info: ReadonlyMap<string, string>;
  /** Why INFO was refused. */
  readonly infoRefusal?: string | undefined;
  /** `undefined` where the server lets nobody measure it. */
  readonly latency?: { readonly p50Ms: number; readonly p99Ms: number; readonly samples: number } | undefined;
  /** How far its clock is ahead of this machine's; `uncertaintyMs` is half of the round trip. */
  readonly clock?: { readonly aheadMs: number; readonly uncertaintyMs: number } | undefined;
}

const SAMPLES = 200;
/** However slow the server is. */
const SAMPLE_WITHIN_MS = 3000;

export async function readFacts(node: RedisNode): Promise<ServerFacts> {
  const { info, infoRefusal } = await readInfo(node);
  return { address: node.address, info, infoRefusal, ...(await measure(node)) };
}

async function readInfo(node: RedisNode): Promise<Pick<ServerFacts, "info" | "infoRefusal">> {
  try {
    const text = String(await node.call("info"));
    const fields = [...text.matchAll(/^([^#:\r\n]+):(.*?)\r?$/gm)];
    return { info: new Map(fields.map(([, name = "", value = ""]) => [name, value])) };
  } catch (error) {
    return { info: new Map(), infoRefusal: messageOf(error) };
  }
}

/** One command after the other, so that none waits for another: TIME does nothing but say what time it is. */
async function measure(node: RedisNode): Promise<Pick<ServerFacts, "latency" | "clock">> {
  const durations: number[] = [];
  // The first ones are of this program's own beginning.
  for (let unmeasured = 0; unmeasured < 10; unmeasured++) await node.call("time").catch(() => undefined);
  let best: { readonly aheadMs: number; readonly uncertaintyMs: number } | undefined;
  const until = monotonicNow() + SAMPLE_WITHIN_MS;
  try {
    while (durations.length < SAMPLES && (durations.length === 0 || monotonicNow() < until)) {
      const [startedMs, wallMs] = [monotonicNow(), Date.now()];
      const [seconds, microseconds] = (await node.call("time")) as [string, string];
      const tookMs = monotonicNow() - startedMs;
      durations.push(tookMs);
      const serverMs = Number(seconds) * 1000 + Number(microseconds) / 1000;
      const uncertaintyMs = tookMs / 2;
      if (!best || uncertaintyMs < best.uncertaintyMs)
        best = { aheadMs: Math.round(serverMs - (wallMs + uncertaintyMs)), uncertaintyMs };
    }
  } catch {
    // Its right is among those that are told.
    if (durations.length === 0) return {};
  }
  durations.sort((one, other) => one - other);
  const at = (share: number) =>
    durations[Math.min(durations.length - 1, Math.floor(share * durations.length))] ?? 0;
  return { latency: { p50Ms: at(0.5), p99Ms: at(0.99), samples: durations.length }, clock: best };
}
