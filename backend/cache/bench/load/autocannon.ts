// Load by autocannon, where wrk is not installed: it takes most of a core itself, so that fast subjects look slower than they are.
import autocannon from "autocannon";
import { HOST, type Load, type LoadResult } from "./request.js";

/** @throws Error where a request was not answered, or with a status of 400 or above */
export async function loadByAutocannon({ port, requests, connections, seconds }: Load): Promise<LoadResult> {
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    requests: requests.map(({ method, target, headers }) => ({
      method,
      path: target,
      headers: { Host: HOST, ...headers },
    })),
  });
  const failed = result.errors + result.timeouts + result["4xx"] + result["5xx"];
  if (failed > 0 || result.requests.total === 0) {
    throw new Error(`autocannon: ${failed} of ${result.requests.total} requests failed`);
  }
  return {
    requests: result.requests.total,
    perSecond: result.requests.total / result.duration,
    bytesPerSecond: result.throughput.total / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    p999Ms: result.latency.p99_9,
  };
}
