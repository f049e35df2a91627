// What operations need of a cache.
import type { CacheAdvice } from "../advice/cache-advice.js";
import type { MissReason } from "../engine/entry-memory.js";
import type { CacheEvents } from "../engine/events.js";
import type { ReadCauses } from "../express/causes-call.js";
import type { Explain, Explained } from "../express/explain-call.js";
import type { Invalidations } from "../express/invalidations.js";
import type { Because } from "../express/touched.js";
import type { CacheStats, StatsFilter, StoreStats } from "../stats.js";

export interface OperatedCache extends Invalidations {
  readonly because: Because;
  readonly causes: ReadCauses;
  readonly explain: Explain;
  readonly explained: Explained;
  readonly events: CacheEvents;
  stats(filter?: StatsFilter): Promise<CacheStats>;
  advice(): CacheAdvice;
  missReasons(): Readonly<Record<MissReason, number>>;
  health(): StoreStats;
}
