// What the model of the feed knows of the world: transactions, the store, drains and fills.

/** A set of transactions: bit n is transaction n. */
export type Mask = number;
/** Of fences and epochs: only equality means anything. 0: none. */
export type Token = number;

export interface Transaction {
  /** `due`: x has passed since its COMMIT was answered. `lost`: the database was put back to before it. */
  phase: "idle" | "open" | "committed" | "due" | "lost";
  /** Its number: in the order in which they began. */
  xid: number;
}

export interface Drain {
  phase: "idle" | "begun" | "looked" | "fenced" | "kept";
  /** Transactions that had committed when the clock was read, and how often the database had been put back. */
  clock: Mask;
  clockLife: number;
  /** What the last turn had seen; `null`: nothing is known. */
  last: Kept | null;
  seen: Mask;
  xmax: number;
  life: number;
}

export interface Kept {
  seen: Mask;
  xmax: number;
  life: number;
}

export interface Fill {
  phase: "idle" | "begun" | "read";
  fence: Token;
  epoch: Token;
  shows: Mask;
}

export interface FeedState {
  transactions: Transaction[];
  nextXid: number;
  /** How often the database was put back, and whether x has passed since. */
  life: number;
  isLifeDue: boolean;
  drains: Drain[];
  fills: Fill[];
  /** The store's. */
  fence: Token;
  epoch: Token;
  token: { epoch: Token; clock: Mask; life: number } | null;
  kept: Kept | null;
  entry: { shows: Mask; fence: Token; epoch: Token } | null;
  next: Token;
  faults: { crash: number; flush: number; restore: number };
  violation: string | undefined;
}

export function copyFeed(state: FeedState): FeedState {
  return {
    ...state,
    transactions: state.transactions.map((one) => ({ ...one })),
    drains: state.drains.map((one) => ({ ...one })),
    fills: state.fills.map((one) => ({ ...one })),
    faults: { ...state.faults },
    token: state.token && { ...state.token },
  };
}

/**
 * Of fences and epochs, which are never used twice, it counts only whether they are the current ones: an entry that is cut off is none, and
 * a fill that was overtaken is stored, where it is, as any other.
 */
export function encodeFeed(state: FeedState): string {
  const { fence, epoch, token, kept, entry } = state;
  const codes: (number | string)[] = [
    fence && 1,
    epoch && 1,
    state.nextXid,
    state.life,
    Number(state.isLifeDue),
  ];
  for (const { phase, xid } of state.transactions) codes.push(phase, xid);
  for (const { phase, clock, clockLife, last, seen, xmax, life } of state.drains)
    codes.push(phase, clock, clockLife, keptCode(last), seen, xmax, life);
  for (const own of state.fills)
    codes.push(own.phase, Number(own.fence === fence && own.epoch === epoch), own.shows);
  codes.push(token ? `${token.epoch === epoch} ${token.clock} ${token.life}` : "-", keptCode(kept));
  codes.push(entry && entry.fence === fence && entry.epoch === epoch ? entry.shows : "-");
  const { crash, flush, restore } = state.faults;
  codes.push(crash, flush, restore, state.violation ?? "");
  return codes.join();
}

const keptCode = (kept: Kept | null): string => (kept ? `${kept.seen} ${kept.xmax} ${kept.life}` : "-");
