// One HTTP request and its whole answer, over the kept connections of an agent.
import { type Agent, type IncomingHttpHeaders, request } from "node:http";
import { brotliDecompressSync, gunzipSync } from "node:zlib";

/** Above what a busy machine takes. */
const ANSWER_TIMEOUT_MS = 60_000;

/** A backend that lives has not answered. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: string;
}

/**
 * Rejects with what the socket said where the connection is lost before the answer is whole.
 * @throws NoAnswer after a minute
 */
export function exchange(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
  requestBody?: string,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ agent, host: "127.0.0.1", port, method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.once("error", reject);
      incoming.once("end", () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ status, headers, body: decode(Buffer.concat(chunks), headers["content-encoding"]) });
      });
    });
    outgoing.setTimeout(ANSWER_TIMEOUT_MS, () =>
      outgoing.destroy(new NoAnswer(`no answer to ${method} ${path}`)),
    );
    outgoing.once("error", reject);
    outgoing.end(requestBody);
  });
}

function decode(body: Buffer, contentEncoding: string | undefined): string {
  if (contentEncoding === "gzip") return gunzipSync(body).toString();
  if (contentEncoding === "br") return brotliDecompressSync(body).toString();
  return body.toString();
}
