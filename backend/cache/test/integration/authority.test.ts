// What was made for one scheme, host and port is not served to who asked for another, whatever the request says of itself.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import express, { type Express } from "express";
// @ts-expect-error The package has no types under this name; those of Express 5 describe what these tests use of it.
import express4 from "express-4";
import supertest from "supertest";
import { STORES } from "../support/caches.js";
import { type LinkingApp, type LinkingOptions, openLinkingApp } from "../support/linking-app.js";

const STORED = "fwd=miss; stored";
const FOREIGN = "fwd=bypass; detail=authority";

for (const [name, create] of [
  ["Express 5", express],
  ["Express 4", express4 as () => Express],
] as const) {
  describe(`the authority of requests (${name})`, () => {
    async function running(
      options: Omit<LinkingOptions, "create">,
      use: (app: LinkingApp) => Promise<void>,
    ): Promise<void> {
      const app = await openLinkingApp({ create, ...options });
      try {
        await use(app);
      } finally {
        await app.close();
      }
    }
    const trusting = (trust: unknown) => ({ prepare: (app: Express) => void app.set("trust proxy", trust) });

    for (const store of STORES) {
      test(`links are those of the host that was asked (${store})`, () =>
        running({ store }, async ({ ask, runs }) => {
          for (const host of [
            "api.example.com",
            "evil.example",
            "api.example.com:8443",
            "api.example.com.",
          ]) {
            assert.deepEqual(await ask([`Host: ${host}`]).then(({ cache }) => cache), STORED, host);
            const { cache, link } = await ask([`Host: ${host}`]);
            assert.equal(cache, "hit", host);
            assert.ok(link.includes(` ${host} `), link);
          }
          assert.equal(runs(), 4);
        }));
    }

    test("one host has one entry, however it is spelled", () =>
      running({}, async ({ ask }) => {
        assert.equal((await ask(["Host: api.example.com"])).cache, STORED);
        for (const host of ["api.example.com", "API.EXAMPLE.COM", "api.example.com:80", "Api.example.com:"])
          assert.equal((await ask([`Host: ${host}`])).cache, "hit", host);
        assert.equal((await ask(["Host: api.example.com"], "/list", "HEAD")).cache, "hit");
      }));

    test("ports of loopback names do not count: each request of supertest has another", () =>
      running({}, async ({ app, ask }) => {
        for (const expected of [STORED, "hit", "hit"]) {
          const { headers } = await supertest(app).get("/list").set("x-tenant", "tenant-1").expect(200);
          assert.match(String(headers["cache-status"]), new RegExp(expected));
        }
        for (const host of ["localhost", "a.localhost", "[::1]"]) {
          assert.equal((await ask([`Host: ${host}:1`])).cache, STORED, host);
          assert.equal((await ask([`Host: ${host}:2`])).cache, "hit", host);
        }
      }));

    test("a request that names no host, several, or none that is one is not looked up", () =>
      running({}, async ({ ask, runs }) => {
        await ask(["Host: api.example.com"]);
        const doubts: Parameters<LinkingApp["ask"]>[] = [
          [[], "/list", "GET", "1.0"],
          [["Host: api.example.com", "Host: evil.example"]],
          [["Host: api.example.com", "host: api.example.com"]],
          [["Host: api.example.com evil.example"]],
          [["Host: user@api.example.com"]],
          [["Host: api.example.com/evil"]],
          [["Host: api.example.com:99999"]],
          [[`Host: ${"a".repeat(5000)}.example`]],
          [["Host:"]],
          [["Host: api.example.com"], "http://evil.example/list"],
          [["Host: api.example.com"], "http://api.example.com/list"],
        ];
        for (const doubt of doubts) {
          for (let time = 0; time < 2; time++)
            assert.equal((await ask(...doubt)).cache, FOREIGN, JSON.stringify(doubt).slice(0, 100));
        }
        assert.equal(runs(), 1 + 2 * doubts.length, "the handler answers them");
        assert.equal((await ask(["Host: api.example.com"])).cache, "hit");
      }));

    test("what a trusted proxy forwards is what was asked; nobody else is believed", async () => {
      const host = "Host: backend:3000";
      const forwarded = ["X-Forwarded-Host: api.example.com", "X-Forwarded-Proto: https"];
      await running(trusting(true), async ({ ask }) => {
        assert.equal((await ask([host, ...forwarded])).cache, STORED);
        const { cache, link } = await ask([host, ...forwarded]);
        assert.equal(cache, "hit");
        assert.match(link, /^https:\/\/api\.example\.com backend:3000 api$/);
        // The first of several is what Express takes.
        const several = [
          "X-Forwarded-Host: api.example.com, inner.example",
          "X-Forwarded-Proto: https, http",
        ];
        assert.equal((await ask([host, ...several])).cache, "hit");
        assert.equal(
          (await ask([host, "X-Forwarded-Host: API.example.com:443", forwarded[1] ?? ""])).cache,
          "hit",
        );
        const others = [
          [host],
          [host, "X-Forwarded-Proto: https"],
          [host, "X-Forwarded-Host: api.example.com"],
          [host, "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"],
          [host, "X-Forwarded-Host: other.example, api.example.com", "X-Forwarded-Proto: https"],
          ["Host: evil.example", ...forwarded],
          ["Host: api.example.com", "X-Forwarded-Proto: https"],
        ];
        for (const lines of others) assert.equal((await ask(lines)).cache, STORED, lines.join());
        for (const lines of others) assert.equal((await ask(lines)).cache, "hit", lines.join());
        const none = [
          [host, "X-Forwarded-Host: a b"],
          [host, "X-Forwarded-Host: , api.example.com"],
          [host, "X-Forwarded-Proto: HTTPS"],
          [host, "X-Forwarded-Proto: gopher"],
          [host, "X-Forwarded-Proto: ,https"],
        ];
        for (const lines of none) assert.equal((await ask(lines)).cache, FOREIGN, lines.join());
      });
      for (const trust of [false, "10.0.0.0/8"]) {
        await running(trusting(trust), async ({ ask }) => {
          assert.equal((await ask([host, ...forwarded])).cache, STORED);
          const { cache, link } = await ask([host, "X-Forwarded-Host: evil.example"]);
          assert.equal(cache, "hit");
          assert.match(link, /^http:\/\/backend backend:3000 $/);
        });
      }
    });

    test("a proxy that leaves Host as it was names the same entry as the client itself", () =>
      running(trusting("loopback"), async ({ ask, runs }) => {
        const lines = [
          "Host: api.example.com",
          "X-Forwarded-Host: api.example.com",
          "X-Forwarded-Proto: http",
        ];
        assert.equal((await ask(lines)).cache, STORED);
        assert.equal((await ask(["Host: api.example.com"])).cache, "hit");
        assert.equal(runs(), 1);
      }));

    test("a route that answers the same to all hosts says so", async () => {
      for (const options of [
        { list: { authority: "ignore" } },
        { cache: { authority: "ignore" } },
      ] as const) {
        await running(options, async ({ ask }) => {
          assert.equal((await ask(["Host: api.example.com"])).cache, STORED);
          for (const lines of [["Host: other.example"], ["Host: a b"], ["Host: a", "Host: b"]])
            assert.equal((await ask(lines)).cache, "hit", lines.join());
        });
      }
      // The route's word goes before the cache's.
      await running({ cache: { authority: "ignore" }, list: { authority: "key" } }, async ({ ask }) => {
        assert.equal((await ask(["Host: api.example.com"])).cache, STORED);
        assert.equal((await ask(["Host: other.example"])).cache, STORED);
      });
    });

    test("hosts that are named are looked up, and no others", async () => {
      const authority = ["api.example.com", "API.example.com:8443", "localhost"];
      for (const options of [{ list: { authority } }, { cache: { authority } }]) {
        await running({ ...options, ...trusting(true) }, async ({ ask }) => {
          for (const host of ["api.example.com", "api.example.com:8443", "localhost:41234"]) {
            assert.equal((await ask([`Host: ${host}`])).cache, STORED, host);
            assert.equal((await ask([`Host: ${host}`])).cache, "hit", host);
          }
          for (const host of ["evil.example", "api.example.com:8080", "x.api.example.com", "127.0.0.1"])
            assert.equal((await ask([`Host: ${host}`])).cache, FOREIGN, host);
          const inner = "Host: backend:3000";
          assert.equal((await ask([inner, "X-Forwarded-Host: api.example.com"])).cache, STORED);
          assert.equal((await ask([inner, "X-Forwarded-Host: evil.example"])).cache, FOREIGN);
          assert.equal((await ask([inner])).cache, FOREIGN);
          assert.equal((await ask(["Host: api.example.com:443", "X-Forwarded-Proto: https"])).cache, STORED);
        });
      }
    });

    test("TLS is another scheme", () =>
      running({ tls: true }, async ({ ask }) => {
        assert.equal((await ask(["Host: api.example.com"])).cache, STORED);
        const { cache, link } = await ask(["Host: api.example.com:443"]);
        assert.equal(cache, "hit");
        assert.match(link, /^https:\/\/api\.example\.com /);
        assert.equal((await ask(["Host: api.example.com:80"])).cache, STORED);
      }));

    test("the lane answers nobody who asks for another host", async () => {
      for (const trust of [true, "10.0.0.0/8"]) {
        await running({ lane: true, ...trusting(trust) }, async ({ ask, dispatched }) => {
          const learnt = ["Host: api.example.com"];
          for (let time = 0; time < 2; time++) await ask(learnt);
          const forwarded = [...learnt, "X-Forwarded-Host: www.example.com"];
          for (let time = 0; time < 2; time++) await ask(forwarded);
          let before = dispatched();
          assert.equal((await ask(learnt)).cache, "hit");
          assert.equal((await ask(forwarded)).cache, "hit");
          assert.equal(dispatched(), before, "in the lane");
          const others = [
            ["Host: evil.example"],
            ["Host: api.example.com", "Host: evil.example"],
            ["Host: api.example.com", "X-Forwarded-Host: evil.example"],
            ["Host: api.example.com", "X-Forwarded-Proto: https"],
            ["Host: evil.example", "X-Forwarded-Host: www.example.com"],
            ["Host: api.example.com www.example.com"],
          ];
          for (const lines of others) {
            before = dispatched();
            const { link } = await ask(lines);
            assert.equal(dispatched(), before + 1, lines.join());
            if (trust === true) assert.ok(!link.startsWith("http://www.example.com api"), link);
          }
        });
      }
    });

    test("no two requests of the lane have one name", () =>
      running({ lane: true, list: { authority: "ignore" } }, async ({ ask, dispatched }) => {
        // Hosts may hold spaces. With the parts joined by spaces, these would be called alike.
        const alike = [
          { lines: ["Host: a /list /b"], target: "/listed" },
          { lines: ["Host: a", "X-Forwarded-Host: /b", "X-Forwarded-Proto: /listed"], target: "/list" },
          { lines: ["Host: a /list /b", "X-Forwarded-Host: /listed"], target: "/list" },
          { lines: ["Host: a\t/list /b"], target: "/listed" },
        ];
        for (const { lines, target } of alike) {
          for (let time = 0; time < 2; time++) {
            const before = dispatched();
            assert.match((await ask(lines, target)).link, / a/);
            assert.equal(dispatched(), before + 1 - time, `${lines.join()} ${target}, time ${time + 1}`);
          }
        }
      }));
  });
}
