// What commands on a Redis have in common: a connection, what its errors mean for people, and its end.
// Tests: test/integration/cli-redis.test.ts
import type { Context } from "./context.js";
import { endedBy, openRedis, type RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";

/** For commands that look once: says of what nothing can be shown. */
export function lookAtRedis<T>(
  context: Context,
  target: RedisTarget,
  work: (access: RedisAccess) => Promise<T>,
): Promise<T> {
  return onRedis(context, target, async (access) => {
    for (const address of access.absent)
      context.output.warn(`${address} does not answer: what is in its slots is not shown`);
    return work(access);
  });
}

/** @param isLasting whether a connection that is lost is made anew, for commands that go on until somebody ends them */
export async function onRedis<T>(
  context: Context,
  target: RedisTarget,
  work: (access: RedisAccess) => Promise<T>,
  isLasting = false,
): Promise<T> {
  const access = await openRedis(target, context, isLasting);
  try {
    return await work(access);
  } catch (error) {
    throw endedBy(error, target);
  } finally {
    access.close();
  }
}
