// Requests as they are on the wire: whatever text the test writes, and every byte that comes back.
import { connect } from "node:net";

/**
 * Sends a text over a connection of its own and resolves with all that the server sends until it closes: the
 * request must ask it to.
 */
export function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.write(request, "latin1");
  });
}

/** The answer without what the clock decides: Date, Age and the time to live. */
export function withoutClock(answer: string): string {
  return answer
    .replace(/^Date: .*$/gim, "Date: -")
    .replace(/^Age: \d+$/gim, "Age: -")
    .replace(/ttl=-?\d+/g, "ttl=-")
    .replace(/^Last-Modified: .*$/gim, "Last-Modified: -");
}
