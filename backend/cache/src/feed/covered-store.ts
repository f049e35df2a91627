// The store as covered modules use it: hits need the token, fills the epoch, and mutations leave a note for the drain.
// Tests: test/integration/feed-drain.test.ts, test/integration/feed-api-writes.test.ts

import { isUncovered } from "../feed-epoch.js";
import type { FeedPlace } from "../store/feed-place.js";
import { randomToken } from "../store/fence-token.js";
import type { KeySpace } from "../store/key-space.js";
import type { FillRequest, FillStart, Store } from "../store/store.js";
import { delay, monotonicNow } from "../timers.js";
import type { ApiWrite } from "./api-writes.js";
import { type LogPosition, markOf } from "./log-position.js";

/** What the feed is told, and asked. */
export interface Demand {
  /** True while nobody has read what is covered for long: the database is left alone. */
  readonly isAsleep: boolean;
  /** A covered read has come. */
  want(): void;
  /** Which transactions have ended by now; `undefined` where the database does not say so in time. */
  ended(): Promise<Ended | undefined>;
}

export type Ended = Pick<ApiWrite, "server" | "marker" | "snapshot"> & { readonly position?: LogPosition };

export interface CoveredParts {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly place: FeedPlace;
  readonly demand: Demand;
  /** How long a first read may wait for the feed to wake up, milliseconds. */
  readonly wakesWithinMs: number;
}

const LOOK_EVERY_MS = 5;
/** Longer than a turn of the drain takes. */
const NOTE_LIVES_MS = 5000;

/** A proxy, for the reasons that `metrics/traced-store.ts` has. */
export function coveredStore(parts: CoveredParts): Store {
  const { store } = parts;
  const own: Partial<Store> = {
    read: readOf(parts),
    beginFill: beginFillOf(parts),
    ...(store.peek && { peek: peekOf(parts, store.peek.bind(store)) }),
    replaceFences: async (fenceKeys, ttlMs, cause) =>
      noted(parts, fenceKeys, (mark) => store.replaceFences(fenceKeys, ttlMs, cause, mark)),
    endWrite: async (fenceKeys, writer, ttlMs, cause) =>
      noted(parts, fenceKeys, (mark) => store.endWrite(fenceKeys, writer, ttlMs, cause, mark)),
  };
  const bound = new Map<PropertyKey, unknown>(Object.entries(own));
  return new Proxy(store, {
    get(target, name) {
      const known = bound.get(name);
      if (known) return known;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const method = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      bound.set(name, method);
      return method;
    },
  });
}

function readOf({ store, keys, demand }: CoveredParts): Store["read"] {
  const { feedEpoch, feedToken } = keys;
  return (fenceKeys, entryKeys, onLoan) => {
    const at = fenceKeys.indexOf(feedEpoch);
    if (at === -1) return store.read(fenceKeys, entryKeys, onLoan);
    demand.want();
    return store.read(fenceKeys.with(at, feedToken), entryKeys, onLoan);
  };
}

function beginFillOf(parts: CoveredParts): Store["beginFill"] {
  const { store, keys, demand } = parts;
  const { feedEpoch, feedToken } = keys;
  return async (request) => {
    const at = request.fenceKeys.indexOf(feedEpoch);
    if (at === -1) return store.beginFill(request);
    const { isAsleep } = demand;
    demand.want();
    if (isAsleep) await woken(parts, request, at);
    const start = await store.beginFill({ ...request, tokenKey: feedToken });
    const epoch = start.fences[at] ?? "";
    const modules = request.fenceKeys.flatMap((key) => keys.parseFence(key)?.module ?? []);
    if (!request.readsLater && isUncovered(epoch, modules))
      return { ...start, entry: null, unstorable: "uncovered" };
    return start.token === epoch && !isAsleep ? start : withoutEntry(start, start.token === epoch);
  };
}

/** As {@link readOf} and {@link beginFillOf} would find it; nobody is woken. */
function peekOf({ store, keys }: CoveredParts, peek: NonNullable<Store["peek"]>): NonNullable<Store["peek"]> {
  return async (request) => {
    const { fenceKeys } = request;
    const at = fenceKeys.indexOf(keys.feedEpoch);
    if (at === -1) return peek(request);
    const [found, { fences: tokens }, { fences: epochs }] = await Promise.all([
      peek({ ...request, fenceKeys: fenceKeys.toSpliced(at, 1) }),
      store.read(fenceKeys.with(at, keys.feedToken), []),
      store.read(fenceKeys, []),
    ]);
    const modules = fenceKeys.flatMap((key) => keys.parseFence(key)?.module ?? []);
    const epoch = epochs[at] ?? null;
    return {
      ...found,
      fences: found.fences.toSpliced(at, 0, tokens[at] ?? null),
      begun: found.fences.toSpliced(at, 0, epoch),
      ...(isUncovered(epoch ?? "", modules) && { unstorable: "uncovered" as const }),
    };
  };
}

/** What is there may be too old: the handler answers. */
function withoutEntry(start: FillStart, mayFollow: boolean): FillStart {
  return { ...start, entry: null, mayFollow };
}

/** So that what the first read has stored is not cut off by what was noted before it. */
async function woken(
  { store, keys, wakesWithinMs }: CoveredParts,
  request: FillRequest,
  at: number,
): Promise<void> {
  const fenceKeys = request.fenceKeys.with(at, keys.feedToken);
  const giveUpAtMs = monotonicNow() + wakesWithinMs;
  while (monotonicNow() < giveUpAtMs) {
    await delay(LOOK_EVERY_MS, undefined, { ref: false });
    const { fences } = await store.read(fenceKeys, []);
    if (fences[at] !== null) return;
  }
}

/**
 * A mutation of the API has committed by now. The transactions that have ended are asked for before its fences are replaced: what
 * those had changed needs no other fence.
 */
async function noted(
  { keys, place, demand }: CoveredParts,
  fenceKeys: readonly string[],
  replace: (mark?: string) => Promise<void>,
): Promise<void> {
  const touched = touchedBy(keys, fenceKeys);
  const ended = touched && !demand.isAsleep ? await demand.ended() : undefined;
  await replace(ended?.position && markOf(ended.position));
  if (!touched || !ended) return;
  const { position: _position, ...seen } = ended;
  // A note that does not arrive costs one more fence.
  place
    .note(JSON.stringify({ ...seen, ...touched, id: randomToken() }), NOTE_LIVES_MS)
    .catch(() => undefined);
}

type Touched = Pick<ApiWrite, "tenant" | "modules" | "tags" | "everything">;

/** `undefined` where nothing of it is covered. */
function touchedBy(keys: KeySpace, fenceKeys: readonly string[]): Touched | undefined {
  const tenant = keys.tenantOfFence(fenceKeys[0] ?? "");
  if (tenant === undefined) return undefined;
  const parts = fenceKeys.flatMap((key) => keys.partOfFence(tenant, key) ?? []);
  const named = (of: "module" | "tag") => parts.flatMap((part) => (part.of === of ? part.name : []));
  const [modules, tags] = [named("module"), named("tag")];
  const everything = parts.some(({ of }) => of === "tenant");
  const isCovered = everything || tags.length > 0 || keys.covers(modules);
  return isCovered ? { tenant, modules, tags, everything } : undefined;
}
