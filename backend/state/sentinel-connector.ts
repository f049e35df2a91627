// How clients find their master by its sentinels: as ioredis does, but no news of a failover ends them.
import { type SentinelConnectionOptions, SentinelConnector } from "ioredis";

/**
 * With `failoverDetector` ioredis leaves a master at the sentinels' news of another one (`+switch-master`). It hears news of the connection
 * that was lost before, too, also while it is asking for the next one: then it breaks off, and the client has ended for good. So nobody listens
 * any more once a new connection is begun; the one that is made listens again.
 */
export class LastingSentinelConnector extends SentinelConnector {
  /** @param options all of the client's, as ioredis hands them to any connector */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override connect(...args: Parameters<SentinelConnector["connect"]>) {
    // Private in its types: it offers no other way.
    const detector = Reflect.get(this, "failoverDetector") as { cleanup(): void } | null | undefined;
    detector?.cleanup();
    return super.connect(...args);
  }
}
