// The figures of the feed, where a cache has one.
// Tests: test/unit/metrics-page.test.ts, test/integration/feed-drain.test.ts
import { counter, type Figure, gauge, NONE } from "./figure.js";

const seconds = (ms: number | null | undefined) => (ms === null || ms === undefined ? ms : ms / 1000);

export const FEED: readonly Figure[] = [
  {
    name: "etc_feed_delay_seconds",
    kind: "gauge",
    help: "From COMMIT to fence, of the last probes of this process: the median, and one in a hundred",
    // Not `quantile`, which is for summaries.
    labels: ["percentile"],
    read: ({ engine }) => {
      const delayMs = engine.feed?.report().delayMs;
      if (!delayMs) return NONE;
      return [
        { labels: { percentile: "50" }, value: delayMs.p50 / 1000 },
        { labels: { percentile: "99" }, value: delayMs.p99 / 1000 },
      ];
    },
  },
  gauge(
    "etc_feed_token_age_seconds",
    "Since this process has said that nothing is missed; it drains where that is small",
    ({ feed }) => seconds(feed?.report().tokenAgeMs),
  ),
  gauge("etc_feed_lease_age_seconds", "Since this process drains", ({ feed }) =>
    seconds(feed?.report().leaseAgeMs),
  ),
  gauge(
    "etc_feed_uncovered_tables",
    "Tables whose changes are not all seen, as the draining process knows it",
    ({ feed }) => feed?.report().uncoveredTables.length,
  ),
  counter("etc_feed_fenced_total", "Changes that the feed has fenced", ({ feed }) => feed?.report().fenced),
  counter(
    "etc_feed_spared_total",
    "Changes that a mutation of the API had fenced before",
    ({ feed }) => feed?.report().spared,
  ),
  counter(
    "etc_feed_epochs_total",
    "How often all covered entries were cut off",
    ({ feed }) => feed?.report().epochs,
  ),
];
