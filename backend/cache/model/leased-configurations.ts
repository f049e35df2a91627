// Configurations with read leases.
import { type Configuration, GUARD, holds, long, violated } from "./configuration.js";

/** Reads are leased. One writer and one reader in each process: counterexamples are as short. */
const LEASED_ONE = { leased: true, readsEach: 1, writers: [0], readers: [1] };

/** With every protection on. */
export const LEASED_PROMISES: readonly Configuration[] = [
  holds("leased", LEASED_ONE),
  holds("leased, the reader's process writes", { ...LEASED_ONE, writers: [1] }),
  holds("leased, messages are lost, twice", { ...LEASED_ONE, faults: { lose: 2 } }),
  holds("leased, one crash", { ...LEASED_ONE, faults: { crash: 1 } }),
  holds("leased, one outage", { ...LEASED_ONE, faults: { cut: 1 } }),
  long(holds("leased, FLUSHALL", { ...LEASED_ONE, faults: { flush: 1 } })),
  long(holds("leased, one failover to a replica that lags", { ...LEASED_ONE, faults: { failover: 1 } })),
  holds("leased, guarded, one crash", { ...LEASED_ONE, ...GUARD, faults: { crash: 1 } }),
];

/** One protection less. */
export const LEASED_ABLATIONS: readonly Configuration[] = [
  violated("leased, answers do not wait for readers", { ...LEASED_ONE, without: ["waitsForReaders"] }),
  violated("leased, leases do not end", { ...LEASED_ONE, without: ["endsLease"] }),
  violated("leased, what is heard of is not forgotten", { ...LEASED_ONE, without: ["forgetsWhatItHears"] }),
  violated("leased, readings that are under way are kept", { ...LEASED_ONE, without: ["spoilsReadings"] }),
  violated("leased, a message is lost; renewals do not show gaps", {
    ...LEASED_ONE,
    without: ["renewalShowsGaps"],
    faults: { lose: 1 },
  }),
  violated("leased, FLUSHALL; leases that nobody knows of are not waited for", {
    ...LEASED_ONE,
    without: ["waitsWhereLost"],
    faults: { flush: 1 },
  }),
  violated("leased, FLUSHALL; a registry that was begun anew is ripe at once", {
    ...LEASED_ONE,
    without: ["waitsUntilRipe"],
    faults: { flush: 1 },
  }),
  violated("leased, failover; a replica's registry is taken for the server's own", {
    ...LEASED_ONE,
    without: ["registryNamesServer"],
    faults: { failover: 1 },
  }),
  violated("leased, guarded, crash; the handler does not wait for its mark to be known", {
    ...LEASED_ONE,
    ...GUARD,
    without: ["waitsForMark"],
    faults: { crash: 1 },
  }),
];
