// One spelling for each scheme, host and port.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { parseCacheOptions } from "../../src/options/cache-options.js";
import { parseRouteOptions } from "../../src/options/route-options.js";
import { originOf } from "../../src/origin.js";

describe("an origin", () => {
  const same: readonly (readonly [scheme: "http" | "https", hosts: readonly string[], origin: string])[] = [
    [
      "https",
      ["api.example.com", "API.Example.COM", "api.example.com:443", "api.example.com:"],
      "https://api.example.com",
    ],
    ["http", ["api.example.com", "api.example.com:80", "api.example.com:0080"], "http://api.example.com"],
    ["http", ["api.example.com:443"], "http://api.example.com:443"],
    ["https", ["api.example.com:80", "api.example.com:080"], "https://api.example.com:80"],
    ["https", ["api.example.com."], "https://api.example.com."],
    ["http", ["[2001:db8::1]:8080", "[2001:DB8:0:0::0:1]:8080"], "http://[2001:db8::1]:8080"],
    ["http", ["192.0.2.1:8080"], "http://192.0.2.1:8080"],
    ["http", ["service_name:3000"], "http://service_name:3000"],
    ["http", ["ex%41mple.com"], "http://ex%41mple.com"],
    ["http", ["localhost", "localhost:3000", "LOCALHOST:41234"], "http://localhost"],
    ["http", ["app.localhost:3000", "app.localhost"], "http://app.localhost"],
    ["https", ["127.0.0.1:3000", "127.0.0.1:443"], "https://127.0.0.1"],
    ["http", ["127.8.9.1:3000"], "http://127.8.9.1"],
    ["http", ["[::1]:3000", "[::1]", "[0:0:0:0:0:0:0:1]:5"], "http://[::1]"],
    ["http", ["notlocalhost:3000"], "http://notlocalhost:3000"],
    ["http", ["localhost.example.com:3000"], "http://localhost.example.com:3000"],
    ["http", ["128.0.0.1:3000"], "http://128.0.0.1:3000"],
    ["http", ["127.0.0.1.example.com:3000"], "http://127.0.0.1.example.com:3000"],
  ];
  for (const [scheme, hosts, origin] of same) {
    test(`${scheme}, ${hosts.join(", ")}`, () => {
      for (const host of hosts) assert.equal(originOf(scheme, host), origin, host);
    });
  }

  test("no host has none", () => {
    const none = [
      "",
      ":80",
      "a b",
      "a/b",
      "a\\b",
      "user@host",
      "http://a",
      "a:b",
      "a:65536",
      "a:1:2",
      "[::1",
      "::1",
      "[::g]",
    ];
    const others = [
      "[fe80::1%25eth0]",
      "[v1.a]",
      "é.example",
      "a\nb",
      "a\tb",
      "a?b",
      "a#b",
      'a"b',
      "%zz",
      `${"a".repeat(300)}.b`,
    ];
    for (const host of [...none, ...others])
      assert.equal(originOf("https", host), undefined, JSON.stringify(host));
  });
});

describe("the option authority", () => {
  test("is a rule, or hosts as requests name them", () => {
    assert.equal(parseCacheOptions({ tenant: () => "t" }).authority, "key");
    assert.equal(parseRouteOptions({}).authority, undefined);
    for (const authority of ["key", "ignore", ["api.example.com"], ["api.example.com:8443", "[::1]"]]) {
      assert.deepEqual(parseCacheOptions({ tenant: () => "t", authority }).authority, authority);
      assert.deepEqual(parseRouteOptions({ authority }).authority, authority);
    }
  });

  test("says what to write instead of anything else", () => {
    for (const authority of [
      "none",
      "api.example.com",
      true,
      null,
      [],
      ["https://api.example.com"],
      ["api.example.com/v1"],
      [""],
      [5],
    ]) {
      const advice = /authority.* is .*without scheme and path: \["api\.example\.com", "localhost"\]/;
      assert.throws(() => parseRouteOptions({ authority }), { code: "ETC_OPTIONS", message: advice });
      assert.throws(() => parseCacheOptions({ tenant: () => "t", authority }), {
        code: "ETC_OPTIONS",
        message: advice,
      });
    }
  });
});
