// The figures of the feed, where a cache has one.
// Tests: test/unit/metrics-page.test.ts, test/integration/feed-drain.test.ts
import { counter, type Figure, gauge } from "./figure.js";

const seconds = (ms: number | null | undefined) => (ms === null || ms === undefined ? ms : ms / 1000);

export const FEED: readonly Figure[] = [
  gauge(
    "etc_feed_delay_p50_seconds",
    "From COMMIT to fence, the median of the last probes of this process",
    ({ feed }) => seconds(feed?.report().delayMs?.p50),
  ),
  gauge("etc_feed_delay_p99_seconds", "The same, of one in a hundred", ({ feed }) =>
    seconds(feed?.report().delayMs?.p99),
  ),
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
