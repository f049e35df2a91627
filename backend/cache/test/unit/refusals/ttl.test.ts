// TTLs: what is none, what looks like milliseconds, and what is meant as it is written.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { createTenantCache } from "../../../src/index.js";
import { openCache, quiet } from "../../support/caches.js";
import { any, type RefusedCall, testRefusals } from "../../support/refused-calls.js";

const cache = createTenantCache({ tenant: () => "acme", logger: quiet });
const space = cache.manager.tenant("acme");
const FORM = "a whole number of seconds from 1 to"; // 30 days of routes, 90 of values

/** Values, how they are shown, and what is to be written. */
const NO_TTLS: readonly (readonly [value: unknown, given: string, write: string])[] = [
  ["180", '"180", a string', "write 180"],
  ["3m", '"3m", a string', "write 180"],
  ["3 min", '"3 min", a string', "write 180"],
  ["90 seconds", '"90 seconds", a string', "write 90"],
  ["2 hours", '"2 hours", a string', "write 7200"],
  ["1d", '"1d", a string', "write 86400"],
  ["5000ms", '"5000ms", a string', "write 5"],
  ["3 months", '"3 months", a string', `write ${FORM}`],
  ["", '"", an empty string', `write ${FORM}`],
  [Number.NaN, "NaN", `write ${FORM}`],
  [Number.POSITIVE_INFINITY, "Infinity", `nothing is cached for ever: write ${FORM}`],
  [-1, "-1, a number", `nothing is cached for ever: write ${FORM}`],
  [0, "0, a number", "nothing would be cached: leave the cache out"],
  [1.5, "1.5, a number", "write 2"],
  [180n, "180n, a bigint", "write 180"],
  [null, "null", `write ${FORM}`],
  [true, "true", `write ${FORM}`],
  [Symbol("ttl"), "a symbol", `write ${FORM}`],
  [() => 180, "a function", `write ${FORM}`],
  [7_776_001, "7776001, a number", "for 7776001 milliseconds write 7776"],
  [180_000_000, "180000000, a number", "for 180000000 milliseconds write 180000"],
];

const IN_SECONDS_ODD = [
  1000, 2000, 3000, 5000, 6000, 10_000, 15_000, 30_000, 60_000, 86_000, 90_000, 120_000, 180_000, 300_000,
  1_800_000,
];
const TIMES = [
  1, 60, 180, 500, 999, 1001, 1500, 3600, 7200, 18_000, 36_000, 72_000, 86_400, 172_800, 432_000, 604_800,
  864_000, 2_592_000,
];

describe("TTLs", () => {
  afterAll(() => cache.close());

  testRefusals(
    "what is none is refused, with what is meant where that can be seen",
    NO_TTLS.flatMap(([value, given, write]): RefusedCall[] => {
      const says = `ETC_TTL: ~ ttlSeconds is ${given}: ~ ${write}`;
      return [
        [() => cache.cacheList("accounts", any(value)), says],
        // A function is one there.
        ...(typeof value === "function"
          ? []
          : ([[() => cache.cacheList("accounts", any({ ttlSeconds: value })), says]] as RefusedCall[])),
        ...(typeof value === "function"
          ? []
          : ([[() => space.set("users:1", 1, any(value)), says]] as RefusedCall[])),
      ];
    }),
  );

  testRefusals("answers of routes live for 30 days at most", [
    [
      () => cache.cacheList("accounts", 2_592_001),
      "ETC_TTL: ~ at most 2592000 (30 days): for 2592001 milliseconds",
    ],
    [
      () => cache.cacheList("accounts", { ttlSeconds: 7_776_000 }),
      "ETC_TTL: ~ at most 2592000 (30 days): for 7776000 milliseconds",
    ],
  ]);

  testRefusals("values live for 90 days at most", [
    [() => space.set("users:1", 1, 7_776_001), "ETC_TTL: ~ at most 7776000 (90 days)"],
    [() => space.increment("visits:1", 1, { ttlSeconds: 7_776_001 }), "ETC_TTL: ~ at most 7776000 (90 days)"],
    [
      () => cache.manager.collection("long:{id}", { ttlSeconds: 7_776_001 }),
      "ETC_TTL: ~ at most 7776000 (90 days)",
    ],
    // An hour.
    [
      () => cache.manager.collection("long:{id}", { ttlSeconds: 3_600_000 }),
      "ETC_TTL: ~ for 3600000 milliseconds write 3600; above 30 days write whole days",
    ],
    [() => space.namespace("long", 3_600_000), "ETC_TTL: ~ for 3600000 milliseconds write 3600"],
  ]);

  test("whole days above 30 are times", () => {
    space.namespace("users", 7_776_000);
    space.namespace("users", { ttlSeconds: 45 * 86_400 });
  });

  for (const seconds of IN_SECONDS_ODD) {
    testRefusals(`${seconds} looks like milliseconds`, [
      [
        () => cache.cacheList("accounts", seconds),
        `ETC_TTL: ~ milliseconds write ${seconds / 1000}; if ${seconds} seconds`,
      ],
      [
        () => space.namespace("users", seconds),
        `ETC_TTL: ~ milliseconds write ${seconds / 1000}; if ${seconds} seconds`,
      ],
    ]);
    test(`${seconds} is believed where its unit is written`, () => {
      cache.cacheList("accounts", { ttlSeconds: seconds });
      space.namespace("users", { ttlSeconds: seconds });
    });
  }

  test("times are not taken for milliseconds", () => {
    for (const seconds of TIMES) {
      cache.cacheList("accounts", seconds);
      space.namespace("users", seconds);
    }
    cache.cacheList("accounts", undefined);
    cache.cacheList("accounts", any({ ttlSeconds: undefined }));
  });

  test("a number that was computed is believed, and what it looks like is told once a call", async () => {
    const lines: string[] = [];
    const telling = await openCache("memory", {
      logger: { ...quiet, warn: (line) => void lines.push(line) },
    });
    const told = telling.manager.tenant("acme");
    for (let time = 0; time < 3; time++) {
      assert.equal(await told.set("users:1", 1, 300_000), true);
      assert.equal(await told.getOrSet(`users:new-${time}`, () => 1, 60_000), 1);
      assert.equal(await told.set("users:1", 1, { ttlSeconds: 300_000 }), true);
    }
    assert.equal(lines.length, 2, lines.join("\n"));
    assert.match(lines[0] ?? "", /set was given 300000: .*for 300000 milliseconds write 300/);
    assert.match(lines[1] ?? "", /getOrSet was given 60000/);
    await telling.close();
  });

  test("options whose names do not say their unit are told when the route is mounted", async () => {
    const lines: string[] = [];
    const telling = await openCache("memory", {
      logger: { ...quiet, warn: (line) => void lines.push(line) },
    });
    telling.cacheList("accounts", { staleWhileRevalidate: 3600, staleIfError: 86_400 });
    assert.deepEqual(lines, []);
    telling.cacheList("accounts", { staleWhileRevalidate: 60_000, staleIfError: 300_000 });
    telling.cacheList("accounts", { staleWhileRevalidate: 60_000 });
    assert.equal(lines.length, 2, lines.join("\n"));
    assert.match(lines[0] ?? "", /staleWhileRevalidate is 60000, .*for milliseconds write 60$/);
    assert.match(lines[1] ?? "", /staleIfError is 300000/);
    await telling.close();
  });
});
