// Requests that light-my-request injects: its responses call `write` from their `end`, and are destroyed by it.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Express, type Response } from "express";
import inject from "light-my-request";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";

describe("injected requests", () => {
  let cache: TenantCache;
  let app: Express;
  let runs = 0;
  let answer: (res: Response) => unknown = () => undefined;

  beforeAll(async () => {
    cache = await openCache("memory", { tenant: () => "tenant-1" });
    app = express();
    app.get("/{*any}", cache.cacheList("accounts"), (_req, res) => {
      runs++;
      answer(res);
    });
    app.post("/once", cache.invalidateCache("accounts"), (_req, res) => answer(res));
    app.post("/twice", cache.invalidateCache("accounts"), (_req, res) => {
      void cache.touched("accounts");
      answer(res);
    });
  });
  afterAll(() => cache.close());

  async function ask(method: "GET" | "POST", url: string) {
    const { payload, headers } = await inject(app as never, { method, url });
    await cache.idle();
    return { payload, cache: String(headers["cache-status"]) };
  }

  const ways: Record<string, (res: Response) => unknown> = {
    "in one": (res) => res.end("whole"),
    "by send": (res) => res.send("whole"),
    "in parts": (res) => {
      res.write("wh");
      res.end("ole");
    },
  };
  for (const [name, by] of Object.entries(ways)) {
    test(`${name}: what is stored is there for the next`, async () => {
      answer = by;
      const before = runs;
      const url = `/${name.replace(" ", "-")}`;
      assert.deepEqual((await ask("GET", url)).payload, "whole");
      const { payload, cache: status } = await ask("GET", url);
      assert.deepEqual([payload, runs - before], ["whole", 1]);
      assert.match(status, /; hit/);
    });

    test(`${name}: the answer to a mutation has all of its body, also where it is held twice`, async () => {
      answer = by;
      for (const url of ["/once", "/twice"]) assert.equal((await ask("POST", url)).payload, "whole", url);
    });
  }
});
