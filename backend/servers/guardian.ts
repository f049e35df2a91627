// A process of its own that ends test servers when the process that started them is gone, however it went.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";

/** One line on the guardian's standard input, as JSON. */
export interface GuardOrder {
  readonly verb: "guard" | "release";
  /** None: there are folders alone. */
  readonly pid?: number;
  readonly signal: NodeJS.Signals;
  /** Removed when the process has been ended. */
  readonly folders: readonly string[];
}

const guarded = new Map<string, GuardOrder>();
const nameOf = ({ pid, folders }: GuardOrder) => `${pid ?? folders.join("\n")}`;

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as GuardOrder;
  if (order.verb === "guard") guarded.set(nameOf(order), order);
  else guarded.delete(nameOf(order));
}

// The input has ended: its writer is dead or done.
for (const { pid, signal, folders } of guarded.values()) {
  try {
    if (pid !== undefined) process.kill(pid, signal);
    // A server that a test had stopped sees no other signal before it goes on.
    if (pid !== undefined) process.kill(pid, "SIGCONT");
  } catch {
    // It has ended by itself.
  }
  for (const folder of folders)
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
