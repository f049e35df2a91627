// Requests as a load generator gets them, and what it tells about them.
export interface LoadRequest {
  readonly method: "GET" | "HEAD" | "POST";
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Load {
  readonly port: number;
  /** Sent in turn, again and again. */
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** The same from all generators: a cache may tell hosts apart. */
export const HOST = "localhost";

/** On the wire, as wrk and the generator for HEAD send it. */
export function requestText({ method, target, headers }: LoadRequest): string {
  const lines = Object.entries({ Host: HOST, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}
