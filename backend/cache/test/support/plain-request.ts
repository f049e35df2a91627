// Requests that say what the test says and nothing else: fetch adds "Cache-Control: no-cache" to conditions, which Express obeys.
import { once } from "node:events";
import { get, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

export interface PlainAnswer {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What Cache-Status says after the cache's name, without `ttl`; empty where there is none. */
  readonly cache: string;
}

/** Asks on a connection of its own, as tenant `tenant-1`. */
export async function askPlainly(
  url: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<PlainAnswer> {
  const response = await begin(url, headers, method);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const status = String(response.headers["cache-status"] ?? "");
  return {
    status: response.statusCode ?? 0,
    statusMessage: response.statusMessage ?? "",
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
    cache: status.replace(/^express-tenant-cache; /, "").replace(/; ttl=-?\d+$/, ""),
  };
}

/** Resolves with the head; the body is still to come. */
export function begin(
  url: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { agent: false, method, headers: { "x-tenant": "tenant-1", ...headers } },
      resolve,
    );
    sent.on("error", reject);
    sent.end();
  });
}

/** Asks an app for a target as it is written: `fetch`, and a URL, read it, and keep a fragment to themselves. */
export async function beginAsWritten(
  appUrl: string,
  target: string,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  const { port } = new URL(appUrl);
  const sent = get({ port, host: "127.0.0.1", path: target, headers, agent: false });
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}
