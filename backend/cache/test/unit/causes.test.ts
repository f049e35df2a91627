// Causes as text, and the cause of a fence among those of its tenant.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { CAUSE_KINDS, type Origin } from "../../src/cause-origin.js";
import { type Cause, causeNote, decodeCause } from "../../src/engine/cause-text.js";
import { causeOf, isMade } from "../../src/engine/causes.js";
import { MADE_MARK, newFence } from "../../src/store/fence-token.js";

const NOTHING = { modules: [], tags: [], everything: false } as const;

function kept(origin: Origin, parts: Partial<Pick<Cause, "modules" | "tags" | "everything">> = {}): Cause {
  const { text } = causeNote("causes:acme", origin, { ...NOTHING, ...parts }, 10);
  const cause = decodeCause("acme", { atMs: 17, text });
  assert.ok(cause);
  return cause;
}

/** Without what is absent. */
const said = (cause: object) => JSON.parse(JSON.stringify(cause)) as object;

describe("a cause as text", () => {
  test("is what it was", () => {
    const origin = { kind: "route", name: "POST /a/:id", actor: "p", requestId: "r", reason: "w" } as const;
    assert.deepEqual(said(kept(origin, { modules: ["a", "b"], tags: ["t"] })), {
      ...origin,
      atMs: 17,
      tenant: "acme",
      modules: ["a", "b"],
      tags: ["t"],
      everything: false,
    });
    assert.equal(kept({ kind: "clear" }, { everything: true }).everything, true);
  });

  test("of whatever texts: bounded, in one line, and nothing that a terminal would obey", () => {
    const text = fc.string({ unit: "binary", maxLength: 400 });
    const names = fc.array(text, { maxLength: 300 });
    const kind = fc.constantFrom(...CAUSE_KINDS);
    fc.assert(
      fc.property(kind, text, text, names, (kind, name, reason, modules) => {
        const cause = kept({ kind, name, reason }, { modules });
        assert.equal(cause.kind, kind);
        assert.ok(cause.modules.length <= 256);
        for (const given of [cause.name, cause.reason]) {
          assert.ok((given ?? "").length <= 200);
          assert.doesNotMatch(given ?? "", /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        }
      }),
    );
  });

  test("what somebody else wrote into the log is none", () => {
    const texts = ["", "{", "null", "1", "[]", "{}", '{"k":"other"}', '{"k":1}', '{"k":["route"]}'];
    for (const text of texts) assert.equal(decodeCause("acme", { atMs: 17, text }), undefined, text);
    assert.equal(decodeCause("acme", { atMs: Number.NaN, text: '{"k":"route"}' }), undefined);
    const forged = decodeCause("acme", {
      atMs: 17,
      text: '{"k":"job","n":{},"m":"all","t":[1,"a"],"e":true}',
    });
    assert.deepEqual(said(forged ?? {}), {
      kind: "job",
      atMs: 17,
      tenant: "acme",
      modules: [],
      tags: ["a"],
      everything: false,
    });
  });
});

describe("the cause of a fence", () => {
  const at = (atMs: number, parts: Partial<Cause>): Cause => ({
    ...kept({ kind: "call" }, parts),
    atMs,
    name: `at ${atMs}`,
  });
  const ofTenant = { of: "tenant", name: "acme" } as never;
  const ofModule = (name: string) => ({ of: "module", name }) as never;
  const ofTag = (name: string) => ({ of: "tag", name }) as never;
  const ofAnyTag = { of: "any-tag" } as never;
  const causes = [
    at(30, { everything: true }),
    at(20, { modules: ["b"] }),
    at(20, { modules: ["a"], tags: ["t"] }),
    at(10, { modules: ["a"] }),
  ];

  test("is of the same millisecond, and about the same part", () => {
    const found = (part: never, atMs: number) => causeOf(part, newFence(atMs), causes);
    assert.equal(found(ofTenant, 30), causes[0]);
    assert.equal(found(ofModule("a"), 20), causes[2]);
    assert.equal(found(ofModule("b"), 20), causes[1]);
    assert.equal(found(ofTag("t"), 20), causes[2]);
    assert.equal(found(ofAnyTag, 20), causes[2]);
    assert.equal(found(ofModule("a"), 10), causes[3]);
    for (const [part, atMs] of [
      [ofTenant, 20],
      [ofModule("a"), 30],
      [ofModule("a"), 11],
      [ofTag("u"), 20],
      [ofAnyTag, 10],
    ] as const)
      assert.equal(found(part, atMs), undefined);
  });

  test("of a fence with forgotten URLs behind it is the newest of these", () => {
    const forgot = { ...at(40, {}), kind: "forget" } as const;
    assert.equal(causeOf(ofTenant, `${newFence(30)}~mark`, [forgot, ...causes]), forgot);
    assert.equal(causeOf(ofTenant, `${newFence(30)}~mark`, causes), undefined);
  });

  test("of one that a fill has made is nobody", () => {
    assert.equal(isMade(`${MADE_MARK}${newFence(20)}`), true);
    assert.equal(isMade(newFence(20)), false);
  });
});
