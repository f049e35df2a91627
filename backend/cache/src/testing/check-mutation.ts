// Checks `mutation` and `race`: whoever has the answer to a mutation reads nothing from before it.
// Tests: test/integration/verify-routes.test.ts
import { CheckFailure } from "./comparison.js";
import { isHit, type RouteProbe } from "./route-probe.js";

const RACES = 10;
const READERS = 2;
const ADVICE =
  "does its route have invalidateCache with this module, and does it answer after the change is committed?";

export async function checkMutation(probe: RouteProbe): Promise<string> {
  const before = await probe.warmed(0);
  await probe.warmed(1);
  await probe.mutate();
  const answer = await probe.read(0);
  const other = await probe.read(1);
  const now = await probe.uncached(0);
  if (isHit(answer)) throw new CheckFailure(`the read after the mutation was a hit; ${ADVICE}`);
  probe.expectSame(answer, now, "the read after the mutation is old");
  if (probe.compare(now, before).same) {
    throw new CheckFailure(
      "the mutation does not change what the route answers: is it answered before the change is committed?",
    );
  }
  if (!isHit(other)) throw new CheckFailure("a mutation of tenant 1 took the entry of tenant 2");
  return "the read after a mutation is fresh, the other tenant's a hit";
}

export async function checkRace(probe: RouteProbe): Promise<string> {
  let reads = 0;
  for (let round = 0; round < RACES; round++) {
    await probe.cool();
    let over = false;
    const reader = async () => {
      do {
        await probe.read(0);
        reads++;
      } while (!over);
    };
    // Settled, not raced: what fails must not leave readers behind for the next check.
    const readers = Promise.allSettled(Array.from({ length: READERS }, reader));
    const mutated = probe.mutate();
    const answers = mutated.then(() => Promise.all([probe.read(0), probe.uncached(0)]));
    await answers.then(
      () => undefined,
      () => undefined,
    );
    over = true;
    for (const result of await readers) if (result.status === "rejected") throw result.reason;
    const [answer, now] = await answers;
    probe.expectSame(answer, now, "the read after a mutation that others raced is old", ADVICE);
    await probe.options.cache.idle();
    probe.expectSame(await probe.read(0), now, "a read that raced the mutation left something old", ADVICE);
  }
  return `${RACES} mutations, raced by ${reads} reads: nothing old was served or kept`;
}
