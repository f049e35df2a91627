// A request over a connection that stays open, of which only sizes are looked at.
import { type Agent, get } from "node:http";

/** Asks over one connection that stays open, and resolves with the size of the answer's body. */
export function askForBytes(
  port: number,
  agent: Agent,
  path = "/list",
): Promise<{ bytes: number; cache: string }> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path, agent }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on("end", () => resolve({ bytes, cache: String(response.headers["cache-status"]) }));
    }).on("error", reject);
  });
}
