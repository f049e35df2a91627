// What is listed of a module, page by page: part of the store contract for stores that can list.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import type { ListedEntry } from "../../store/entry-page.js";
import { type ContractCase, casesOf } from "./contract-case.js";
import { MINUTE_MS, type Place, type Places } from "./places.js";

const HEAD_BYTES = 4;

/** Stores entries of these names that end one after the other, in this order. */
async function fill(all: Places, at: Place, names: readonly string[], firstTtlMs = MINUTE_MS): Promise<void> {
  for (const [index, name] of names.entries()) {
    const start = await all.begin(at);
    const more = { entryKey: all.entryKey(at, name), ttlMs: firstTtlMs + index * 1000 };
    assert.ok(await all.commit(at, start, Buffer.from(`body of ${name}`), more), name);
  }
}

function page(all: Places, { tenant, module }: Place, most: number, after?: string) {
  const listed = all.store.listEntries?.({ tenant, module, most, headBytes: HEAD_BYTES, after });
  return listed ?? assert.fail("the store has no listEntries");
}

/** Of all pages. `between` is called after each. */
async function entriesOf(
  all: Places,
  at: Place,
  most: number,
  between: () => Promise<unknown> = async () => undefined,
): Promise<readonly ListedEntry[]> {
  const found: ListedEntry[] = [];
  let after: string | undefined;
  do {
    const { entries, next } = await page(all, at, most, after);
    assert.ok(entries.length <= most, `${entries.length} entries on a page of ${most}`);
    found.push(...entries);
    after = next;
    await between();
  } while (after !== undefined);
  return found;
}

const keysOf = (all: Places, at: Place, names: readonly string[]) =>
  names.map((name) => all.entryKey(at, name));

const cases: Readonly<Record<string, ContractCase["run"]>> = {
  "a listing has each entry of a module once, in the order in which they end, and nothing of others": async (
    all,
  ) => {
    const at = all.place();
    const names = ["h5", "h2", "h9", "h1", "h7"];
    await fill(all, at, names);
    await fill(all, all.place("leads", at.tenant), ["h3"]);
    await fill(all, all.place(), ["h4"]);
    for (const most of [1, 2, 5, 100]) {
      const listed = await entriesOf(all, at, most);
      assert.deepEqual(
        listed.map(({ key }) => key),
        keysOf(all, at, names),
        `pages of ${most}`,
      );
    }
    assert.deepEqual(await entriesOf(all, all.place("notes", at.tenant), 2), []);
  },

  "of each entry a listing has the size, the end, and no more than its beginning": async (all) => {
    const at = all.place();
    await fill(all, at, ["h1"]);
    const [entry] = await entriesOf(all, at, 10);
    assert.ok(entry);
    assert.ok(entry.bytes >= "body of h1".length);
    assert.equal(entry.head.toString(), "body");
    const leftMs = entry.expiresAtMs - Date.now();
    assert.ok(Math.abs(leftMs - MINUTE_MS) < MINUTE_MS / 2, `${leftMs} ms are left`);
  },

  "what comes and goes between two pages moves nothing: the others are listed once": async (all) => {
    const at = all.place();
    await fill(all, at, ["h1", "h2", "h3", "h4"]);
    let pages = 0;
    const listed = await entriesOf(all, at, 2, async () => {
      pages++;
      if (pages > 1) return;
      // Both end before what has been listed.
      await fill(all, at, ["h8", "h9"], MINUTE_MS / 2);
    });
    assert.deepEqual(
      listed.map(({ key }) => key),
      keysOf(all, at, ["h1", "h2", "h3", "h4"]),
    );
  },

  "what fences have cut off is listed no longer; a cursor that is none is the beginning": async (all) => {
    const at = all.place();
    await fill(all, at, ["h1"]);
    for (const after of ["nonsense", "", "* *", "-1 x", `9${"0".repeat(40)} x`])
      assert.equal((await page(all, at, 5, after)).entries.length, 1, after);
    await all.store.replaceFences([at.fenceKeys[1]], MINUTE_MS);
    assert.deepEqual(await entriesOf(all, at, 5), []);
    await fill(all, at, ["h2"]);
    assert.deepEqual(
      (await entriesOf(all, at, 5)).map(({ key }) => key),
      keysOf(all, at, ["h2"]),
    );
  },
};

/** Of a store that cannot list, none of it is asked. */
export const listingCases = casesOf(
  [],
  Object.fromEntries(
    Object.entries(cases).map(([name, run]) => [
      name,
      (all: Places) => (all.store.listEntries ? run(all) : Promise.resolve()),
    ]),
  ),
);
