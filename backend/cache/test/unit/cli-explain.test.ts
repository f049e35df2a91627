// An explanation for people: every field is in it, and what others have sent steers no terminal.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { explanationLines, missText } from "../../src/cli/explanation-text.js";
import { createOutput } from "../../src/cli/output.js";
import { type Explanation, MISS_REASONS, VERDICTS } from "../../src/index.js";

const sink = { write: () => true };
const output = createOutput({ stdout: sink, stderr: sink, env: {} }, false);
const cause = {
  kind: "route",
  name: "POST /accounts",
  actor: "actor-1",
  requestId: "request-1",
  reason: "why\u001b[2J",
  atMs: Date.UTC(2026, 0, 2),
  tenant: "acme",
  modules: ["accounts"],
  tags: [],
  everything: false,
} as const;

const EXPLAINED: Explanation = {
  verdict: "miss",
  cacheStatus: "fwd=miss; stored",
  detail: "no-store",
  status: 418,
  method: "QUERY",
  url: "/accounts?page=2\u001b[2J",
  path: "QUERY /accounts",
  route: {
    module: "accounts",
    policy: "policy-1",
    ttlSeconds: 180,
    staleWhileRevalidateSeconds: 61,
    staleIfErrorSeconds: 62,
    dependsOn: ["module-2"],
    reads: null,
    vary: ["accept-language"],
    scope: "function",
  },
  tenant: "acme",
  scope: "scope-1",
  tags: ["tag-1"],
  key: "tenant:acme:accounts:list:1",
  fences: [
    {
      fence: "module accounts",
      key: "fence:acme:accounts",
      state: "set",
      ageSeconds: 63,
      cutsOff: true,
      cause,
      isMade: false,
    },
    {
      fence: "tenant",
      key: "fence:acme",
      state: "missing",
      ageSeconds: null,
      cutsOff: null,
      cause: null,
      isMade: true,
    },
  ],
  entry: {
    tier: "store",
    ageSeconds: 64,
    ttlSeconds: 65,
    lifeSeconds: 66,
    storedBytes: 2048,
    bodyBytes: 4096,
    status: 203,
    etag: '"etag-1"',
    variants: [{ encoding: "br", bytes: 512 }],
  },
  miss: { reason: "fenced", fencedBy: [{ fence: "module accounts", cause }] },
  store: { kind: "redis", circuit: "closed", reason: "reason-1" },
};

describe("an explanation", () => {
  test("every field is in it", () => {
    const text = explanationLines(output, EXPLAINED).join("\n");
    const values = [
      ...["miss", "fwd=miss; stored", "no-store", "418", "QUERY", "/accounts?page=2", "QUERY /accounts"],
      ...[
        "accounts",
        "policy-1",
        "180 s|3 min",
        "61 s",
        "62 s",
        "module-2",
        "accept-language",
        "a scope function",
      ],
      ...[
        "acme",
        "scope-1",
        "tag-1",
        "tenant:acme:accounts:list:1",
        "fence:acme:accounts",
        "63 s",
        "yes",
        "missing",
      ],
      ...[
        "a fill",
        "in the store",
        "64 s",
        "65 s",
        "66 s",
        "2.0 KiB",
        "4.0 KiB",
        "203",
        '"etag-1"',
        "br 512 B",
      ],
      ...["fenced", "POST /accounts", "actor-1", "request-1", "2026-01-02", "redis", "closed", "reason-1"],
    ];
    for (const value of values)
      assert.ok(
        value.split("|").some((each) => text.includes(each)),
        `${value} in\n${text}`,
      );
    assert.ok(!text.includes("\u001b"));
  });

  test("of what nobody caches there is little", () => {
    const none = {
      ...EXPLAINED,
      verdict: "not-cached",
      cacheStatus: null,
      detail: null,
      status: null,
    } as const;
    const nothing = {
      path: null,
      route: null,
      tenant: null,
      scope: null,
      tags: [],
      key: null,
      fences: [],
      entry: null,
    };
    const text = explanationLines(output, { ...none, ...nothing, miss: null }).join("\n");
    assert.match(text, /^verdict +not-cached: no cacheList takes such a request$/m);
    assert.match(text, /^entry +none$/m);
    assert.doesNotMatch(text, /undefined|null/);
  });

  test("each verdict and each reason has words", () => {
    for (const verdict of VERDICTS) {
      const [first = ""] = explanationLines(output, { ...EXPLAINED, verdict });
      assert.match(first, new RegExp(`^verdict +${verdict}: \\w+`));
    }
    for (const reason of MISS_REASONS) assert.match(missText({ reason }), new RegExp(`^${reason}: \\w+`));
    for (const evictedBy of ["server", "tenant", "module", "process", null] as const)
      assert.match(missText({ reason: "evicted", evictedBy }), /^evicted: .*\w{3}/);
  });
});
