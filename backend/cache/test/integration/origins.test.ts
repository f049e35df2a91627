// What is refreshed behind a response, and what is warmed before any, is what the next client reads: by whichever host, scheme and proxy.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import express, { type Express } from "express";
import inject, { type DispatchFunc } from "light-my-request";
import { CacheWarmer, type RouteStrategy } from "../../src/index.js";
import { type LinkingApp, type LinkingOptions, openLinkingApp } from "../support/linking-app.js";

const trustsProxies = (app: Express) => void app.set("trust proxy", "loopback");

async function running(
  options: Omit<LinkingOptions, "create">,
  use: (app: LinkingApp) => Promise<void>,
): Promise<void> {
  const app = await openLinkingApp({ create: express, ...options });
  try {
    await use(app);
  } finally {
    await app.close();
  }
}

describe("a background refresh", () => {
  const clients: Readonly<Record<string, readonly [lines: readonly string[], target: string, tls: boolean]>> =
    {
      "a host with a port": [["Host: api.example.com:8443"], "/list", false],
      "a loopback port": [["Host: localhost:41234"], "/list", false],
      TLS: [["Host: api.example.com"], "/list", true],
      "a trusted proxy": [
        [
          "Host: backend",
          "X-Forwarded-Host: api.example.com",
          "X-Forwarded-Proto: https",
          "X-Forwarded-For: 192.0.2.1",
        ],
        "/list",
        false,
      ],
      // light-my-request would spell these targets in another way, and their entries with them.
      "a target with dots": [["Host: api.example.com"], "/deep/a/../list", false],
      "a target with characters that are seldom encoded": [
        ["Host: api.example.com"],
        "/deep/\"a^b\"?q='c'",
        false,
      ],
      "a target in capitals": [["Host: api.example.com"], "/LIST", false],
    };
  for (const [name, [lines, target, tls]] of Object.entries(clients)) {
    test(`fills the entry that was stale: ${name}`, async () => {
      const list = { staleWhileRevalidate: 600 };
      const prepare = (app: Express) => {
        trustsProxies(app);
        app.use((req, res, next) => {
          // The first answer is nearly as old as it may become: its entry is stale within the second.
          const isFirst = req.get("x-first") !== undefined;
          const json = res.send.bind(res);
          res.send = (body) =>
            json.call(res.set({ "Cache-Control": "public, max-age=10", Age: isFirst ? "9" : "0" }), body);
          next();
        });
      };
      await running({ list, prepare, tls }, async ({ ask, runs }) => {
        assert.equal((await ask([...lines, "X-First: yes"], target)).cache, "fwd=miss; stored");
        while (runs() === 1) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          await ask(lines, target);
        }
        assert.equal((await ask(lines, target)).cache, "hit", "fresh again");
        assert.equal(runs(), 2, "refreshed once");
      });
    });
  }
});

describe("warmed routes", () => {
  const warm = async ({ app, cache }: LinkingApp, strategy: Partial<RouteStrategy>) => {
    const warmer = new CacheWarmer(cache).register("list", {
      app,
      tenants: () => ["tenant-1"],
      urls: ["/list"],
      headers: (tenant) => ({ "x-tenant": tenant }),
      ...strategy,
    });
    const result = await warmer.warm("list");
    assert.deepEqual([result.error, result.taskErrors], [undefined, []]);
    await cache.idle();
  };

  test("are hits for clients of the origin that was named", async () => {
    for (const origin of [
      "http://api.example.com",
      "http://api.example.com:8080",
      "http://[2001:db8::1]:8080",
    ]) {
      await running({}, async (app) => {
        await warm(app, { origin });
        const { cache, link } = await app.ask([`Host: ${origin.slice("http://".length)}`]);
        assert.equal(cache, "hit", origin);
        assert.ok(link.startsWith(origin.replace(/:8080$/, "")), link);
        assert.equal((await app.ask(["Host: evil.example"])).cache, "fwd=miss; stored");
      });
    }
  });

  test("of a TLS server, and of one behind a proxy that says so", async () => {
    for (const tls of [true, false]) {
      await running({ tls, prepare: trustsProxies }, async (app) => {
        await warm(app, { origin: "https://api.example.com" });
        const lines = tls ? [] : ["X-Forwarded-Proto: https"];
        assert.equal((await app.ask(["Host: api.example.com", ...lines])).cache, "hit", `TLS: ${tls}`);
      });
    }
    // One that puts its own Host in the place of the client's.
    await running({ prepare: trustsProxies }, async (app) => {
      const proxied = {
        host: "backend",
        "x-forwarded-host": "api.example.com",
        "x-forwarded-proto": "https",
      };
      await warm(app, { headers: (tenant) => ({ "x-tenant": tenant, ...proxied }) });
      const lines = Object.entries(proxied).map(([name, value]) => `${name}: ${value}`);
      assert.equal((await app.ask(lines)).cache, "hit");
    });
  });

  test("of each tenant's own host, as it is spelled", async () => {
    await running({}, async (app) => {
      await warm(app, { origin: (tenant) => `http://${tenant}.example.com`, urls: ["/list?q='a'", "/list"] });
      for (const target of ["/list", "/list?q='a'"])
        assert.equal((await app.ask(["Host: tenant-1.example.com"], target)).cache, "hit", target);
    });
  });

  test("without an origin: of loopback clients, and of all where the host is ignored", async () => {
    await running({}, async (app) => {
      await warm(app, {});
      assert.equal((await app.ask(["Host: localhost:3000"])).cache, "hit");
      assert.equal((await app.ask(["Host: api.example.com"])).cache, "fwd=miss; stored");
    });
    await running({ list: { authority: "ignore" } }, async (app) => {
      await warm(app, {});
      assert.equal((await app.ask(["Host: api.example.com"])).cache, "hit");
    });
  });

  test("what is no origin is refused", async () => {
    await running({}, async ({ app, cache }) => {
      for (const origin of [
        "api.example.com",
        "https://api.example.com/v1",
        "ftp://api.example.com",
        "https://a@b",
      ]) {
        const strategy = { app, tenants: () => ["t"], urls: ["/list"], headers: () => ({}), origin };
        assert.throws(() => new CacheWarmer(cache).register("list", strategy), {
          code: "ETC_OPTIONS",
          message: /no origin/,
        });
        const warmer = new CacheWarmer(cache).register("list", { ...strategy, origin: () => origin });
        assert.match((await warmer.warm("list")).taskErrors[0]?.message ?? "", /no origin/);
      }
    });
  });
});

test("a request that light-my-request makes reads what clients of its authority read", () =>
  running({}, async ({ app, ask }) => {
    await ask(["Host: api.example.com"]);
    const headers = { "x-tenant": "tenant-1" };
    // Given the app itself, it changes the prototypes of all of Express's requests, those from sockets among them.
    const dispatch: DispatchFunc = (req, res) => void app(req as never, res as never);
    const answers = [
      await inject(dispatch, { url: "/list", headers, authority: "api.example.com" }),
      await inject(dispatch, { url: "http://api.example.com/list", headers }),
      await inject(dispatch, { url: "/list", headers: { ...headers, host: "API.example.com:80" } }),
    ];
    for (const { headers } of answers) assert.match(String(headers["cache-status"]), /; hit;/);
    const own = await inject(dispatch, { url: "/list", headers });
    assert.match(String(own.headers["cache-status"]), /fwd=miss; stored/);
    assert.equal((await ask(["Host: localhost"])).cache, "hit");
  }));
