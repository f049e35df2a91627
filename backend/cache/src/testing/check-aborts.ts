// Check `abort`: clients that hang up leave nothing partial.
// Tests: test/integration/verify-routes.test.ts
import type { RouteProbe } from "./route-probe.js";

const ROUNDS = 5;

export async function checkAborts(probe: RouteProbe): Promise<string> {
  const whole = await probe.uncached(0);
  for (const moment of ["sent", "answered"] as const) {
    for (let round = 0; round < ROUNDS; round++) {
      await probe.cool();
      // One that stays, beside the one that goes: it must get a whole answer, also where it waited for that
      // one's handler.
      const [staying] = await Promise.all([probe.read(0), probe.abort(0, moment)]);
      probe.expectSame(staying, whole, "a request beside one whose client hung up");
      await probe.cool();
      await probe.abort(0, moment);
      await probe.options.cache.idle();
      for (let read = 0; read < 2; read++) {
        probe.expectSame(await probe.read(0), whole, "the read after a client hung up");
        await probe.options.cache.idle();
      }
    }
  }
  return `${4 * ROUNDS} clients hung up, and every later answer was whole`;
}
