// What the feed replaces fences with: what fails waits for no recovery, because the feed finds it again.
// Tests: test/integration/feed-drain.test.ts

import type { CacheEngine } from "./cache-engine.js";
import type { FeedHost } from "./feeds.js";

export function feedHostOf({ gate, lookups, causes, account }: CacheEngine): FeedHost {
  const origin = { kind: "feed" } as const;
  return {
    gate,
    forget: (fenceKeys) => lookups.forget(fenceKeys),
    note: (scope) => causes.note(scope.tenant, origin, scope),
    invalidated: (scope) => account.invalidated(scope, origin, true),
  };
}
