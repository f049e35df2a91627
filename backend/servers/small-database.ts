// A database that can do so many queries at once, and refuses more, as PostgreSQL does where its connections are used up.
import { setTimeout as delay } from "node:timers/promises";

export interface SmallDatabase {
  /** @throws Error where as many queries are under way as it can do */
  query(): Promise<void>;
  /** So far. */
  readonly queries: number;
  readonly refused: number;
  /** The most that were under way at once. */
  readonly peak: number;
}

export function smallDatabase(atOnce: number, queryMs: number): SmallDatabase {
  let [underWay, queries, refused, peak] = [0, 0, 0, 0];
  return {
    async query() {
      if (underWay >= atOnce) {
        refused++;
        throw new Error("sorry, too many clients already");
      }
      queries++;
      peak = Math.max(peak, ++underWay);
      await delay(queryMs);
      underWay--;
    },
    get queries() {
      return queries;
    },
    get refused() {
      return refused;
    },
    get peak() {
      return peak;
    },
  };
}
