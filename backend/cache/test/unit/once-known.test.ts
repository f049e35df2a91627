// Which keys were known once: none is denied while it is young enough, and few are claimed that were never there.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { OnceKnown } from "../../src/engine/once-known.js";

const key = (n: number) => `etc:tenant:acme:accounts:list:${n.toString(16).padStart(32, "0")}`;

test("what was added is known", () => {
  const known = new OnceKnown();
  assert.equal(known.has(key(1)), false);
  for (let n = 0; n < 30_000; n++) known.add(key(n));
  for (let n = 0; n < 30_000; n++) assert.ok(known.has(key(n)));
});

test("of what was never added few are taken for it", () => {
  const known = new OnceKnown();
  for (let n = 0; n < 60_000; n++) known.add(key(n));
  let wrong = 0;
  for (let n = 1_000_000; n < 1_100_000; n++) if (known.has(key(n))) wrong++;
  assert.ok(wrong < 500, `${wrong} of 100,000`);
});

test("what is old is forgotten in the end, and what is young is not", () => {
  const known = new OnceKnown();
  for (let n = 0; n < 200_000; n++) known.add(key(n));
  for (let n = 175_000; n < 200_000; n++) assert.ok(known.has(key(n)));
  let old = 0;
  for (let n = 0; n < 10_000; n++) if (known.has(key(n))) old++;
  assert.ok(old < 100, `${old} of 10,000`);
});
