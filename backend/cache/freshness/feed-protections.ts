// The protections of the feed that can be switched off: the checker must then find reads that are older than the bound.
import { setTimeout as delay } from "node:timers/promises";
import type { FeedDatabase } from "../src/feed/index.js";
import type { FeedClock, FeedPlace } from "../src/store/feed-place.js";
import type { KeySpace } from "../src/store/key-space.js";
import type { Store } from "../src/store/store.js";

export const FEED_PROTECTIONS = {
  "feed-clock": {
    says: "the token is renewed from the clock as it was before the snapshot",
    faults: ["pause-drain"],
  },
  "feed-snapshot": {
    says: "what commits after others with higher numbers is found by snapshots, not by numbers",
    faults: [],
  },
  "feed-order": { says: "fences are replaced before the snapshot is kept and the token renewed", faults: [] },
  "feed-token": { says: "covered hits need the token", faults: ["pause-drain", "kill-drain"] },
} as const;

export type FeedProtection = keyof typeof FEED_PROTECTIONS;

export const FEED_PROTECTION_NAMES = Object.keys(FEED_PROTECTIONS) as readonly FeedProtection[];

/** How late fences are that nobody waits for, milliseconds. */
const LATE_MS = 500;

export function weakenedDatabase(database: FeedDatabase, without: FeedProtection | undefined): FeedDatabase {
  if (without !== "feed-snapshot") return database;
  return {
    // Transactions that were open at the last look are not looked for.
    query: (text, values) => database.query(text.replace(/(?<=xid = ANY \(')\{[\d,]*\}/, "{}"), values),
  };
}

export function weakenedStore(store: Store, keys: KeySpace, without: FeedProtection | undefined): Store {
  const { feedToken, feedEpoch } = keys;
  const own: Partial<Store> = {};
  if (without === "feed-token") {
    own.read = (fenceKeys, entryKeys, onLoan) =>
      store.read(
        fenceKeys.map((key) => (key === feedToken ? feedEpoch : key)),
        entryKeys,
        onLoan,
      );
  }
  if (without === "feed-order") {
    own.replaceFences = async (...args) => {
      void delay(LATE_MS).then(() => store.replaceFences(...args).catch(() => undefined));
    };
  }
  if (without === "feed-clock") own.feed = () => lateClock(store.feed?.(keys) as FeedPlace);
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name, target);
      return typeof value === "function" && !Reflect.has(own, name) ? value.bind(target) : value;
    },
  });
}

/** As if the clock had been read when the token is set. */
function lateClock(place: FeedPlace): FeedPlace {
  return {
    turn: (ask) => place.turn(ask),
    keep: (step) => {
      const clock: FeedClock = new Map([...step.clock.keys()].map((id) => [id, Date.now()]));
      return place.keep({ ...step, clock });
    },
    leave: (holder) => place.leave(holder),
    note: (text, lifeMs) => place.note(text, lifeMs),
    notes: () => place.notes(),
  };
}
