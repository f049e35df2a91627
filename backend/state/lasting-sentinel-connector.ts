// How clients find their master by its sentinels: as ioredis does, but no news of a failover ends them.
// Tests: test/faults/sentinel-news.test.ts, test/faults/redis-topologies.test.ts
import { type Redis, type SentinelConnectionOptions, SentinelConnector } from "ioredis";

/*
 * What is read and set by name is private in ioredis's types: it offers no other way.
 */

/**
 * With `failoverDetector` ioredis leaves a master at the sentinels' news of another one (`+switch-master`).
 * It hears news of the connection that was lost before, too, also while it is asking for the next one: then
 * it breaks off, and the client has ended for good. So nobody listens any more once a new connection is
 * begun; the one that is made listens again.
 */
export class LastingSentinelConnector extends SentinelConnector {
  /** @param options all of the client's, as ioredis hands them to any connector */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const connectToSentinel = Reflect.get(this, "connectToSentinel") as (...to: unknown[]) => Redis;
    // Of a sentinel that is away the client tells (`sentinelError`). What nobody listens to ioredis writes on
    // the console.
    Reflect.set(this, "connectToSentinel", (...to: unknown[]) =>
      connectToSentinel.apply(this, to).on("error", () => undefined),
    );
  }

  override connect(...args: Parameters<SentinelConnector["connect"]>) {
    const detector = Reflect.get(this, "failoverDetector") as { cleanup(): void } | null | undefined;
    detector?.cleanup();
    return super.connect(...args);
  }
}
