// What a store says with its errors, so that one tenant's or one command's trouble is not taken for everybody's.
// Tests: test/faults/refusals.test.ts

/** The connection has gone. Why is what the store reports with `down`. */
export class NotConnected extends Error {
  override readonly name = "NotConnected";
}

/**
 * The store answers, but has no room: it reads and forgets, and stores nothing. A store that throws it must
 * still be able to replace fences, or to forget them.
 */
export class StoreFull extends Error {
  override readonly name = "StoreFull";
}

/** One group of keys (see `Store.groupOf`) cannot be used, and the others can. */
export class GroupUnavailable extends Error {
  override readonly name = "GroupUnavailable";
  readonly group: string;

  constructor(group: string, message: string) {
    super(message);
    this.group = group;
  }
}

/**
 * The store takes no value of this size, of anybody, ever: the same value would be refused again. Others are
 * taken.
 */
export class ValueTooLarge extends Error {
  override readonly name = "ValueTooLarge";
}

/**
 * What is to be counted is none: the key holds something else, or the sum is beyond what a number holds
 * exactly (2^53 - 1). Nothing has changed.
 */
export class NoCounter extends Error {
  override readonly name = "NoCounter";
}
