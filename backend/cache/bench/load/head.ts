// Load of HEAD requests: wrk and autocannon both wait for the body that Content-Length names.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { type Load, type LoadResult, requestText } from "./request.js";

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const OK = Buffer.from("HTTP/1.1 200 ");

/** @throws Error where an answer is none of 200 without a body */
export async function loadOfHeads({ port, requests, connections, seconds }: Load): Promise<LoadResult> {
  const texts = requests.map((request) => Buffer.from(requestText(request)));
  const latencies = createHistogram();
  const state: State = { texts, latencies, at: 0, bytes: 0, stopped: false };
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      await once(socket, "connect");
      return socket;
    }),
  );
  const startedAtMs = performance.now();
  for (const socket of sockets) sendOneAfterAnother(socket, state);
  await delay(seconds * 1000);
  state.stopped = true;
  const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
  for (const socket of sockets) socket.destroy();
  if (state.failure) throw new Error(`a HEAD was answered by ${state.failure}`);
  return {
    requests: latencies.count,
    perSecond: latencies.count / elapsedSeconds,
    bytesPerSecond: state.bytes / elapsedSeconds,
    p50Ms: latencies.percentile(50) / 1000,
    p99Ms: latencies.percentile(99) / 1000,
    p999Ms: latencies.percentile(99.9) / 1000,
  };
}

interface State {
  readonly texts: readonly Buffer[];
  /** Microseconds. */
  readonly latencies: RecordableHistogram;
  at: number;
  bytes: number;
  stopped: boolean;
  failure?: string;
}

/** One request at a time on the connection: what comes is that one's answer. */
function sendOneAfterAnother(socket: Socket, state: State): void {
  let sentAtMs = 0;
  let begun: Buffer | undefined;
  const send = () => {
    const text = state.texts[state.at++ % state.texts.length];
    sentAtMs = performance.now();
    if (text) socket.write(text);
  };
  socket.on("data", (chunk) => {
    const answer = begun ? Buffer.concat([begun, chunk]) : chunk;
    if (!answer.subarray(-END_OF_HEAD.length).equals(END_OF_HEAD)) {
      begun = answer;
      return;
    }
    begun = undefined;
    if (!answer.subarray(0, OK.length).equals(OK)) state.failure ??= answer.toString("latin1");
    state.latencies.record(Math.max(1, Math.round((performance.now() - sentAtMs) * 1000)));
    state.bytes += answer.length;
    if (!state.stopped && !state.failure) send();
  });
  socket.on("error", (error) => {
    if (!state.stopped) state.failure ??= error.message;
  });
  send();
}
