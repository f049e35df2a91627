// How many times as long as on a quiet machine things take now.
import { availableParallelism, loadavg } from "node:os";

export function slowdown(): number {
  const [runnable = 0] = loadavg();
  return Math.max(1, runnable / availableParallelism());
}
