// A path with and without a slash at its end, below a mount: two URLs, though Express shows the router one.
import assert from "node:assert/strict";
import { afterEach, describe, test } from "@jest/globals";
import express, { type Express, type RequestHandler } from "express";
import { projectFile } from "../../../project-root.js";
import { openCache } from "../support/caches.js";
import { EXPRESS_VERSIONS } from "../support/express-versions.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { askPlainly, beginAsWritten } from "../support/plain-request.js";

const PATHS = ["/docs", "/docs/", "/docs?a=1", "/docs/?a=1", "/nested/docs", "/nested/docs/"];

describe("a path with and without a slash", () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  for (const [version, create] of EXPRESS_VERSIONS) {
    async function open(handler: RequestHandler) {
      const cache = await openCache("memory");
      opened.push(cache);
      const mount = (app: Express, ...layers: RequestHandler[]) => {
        app.use("/docs", ...layers, handler);
        const nested = express.Router();
        nested.use("/docs", ...layers, handler);
        app.use("/nested", nested);
      };
      const cached = await serve(
        (app) => mount(app, cache.cacheList("docs", { ttlSeconds: 60, authority: "ignore" })),
        create,
      );
      const plain = await serve((app) => mount(app), create);
      opened.push(cached, plain);
      return { cache, cached, plain };
    }
    const answerOf = async ({ url }: HttpApp, path: string) => {
      const { status, headers, body } = await askPlainly(url + path);
      return [status, headers.location, body];
    };

    test(`Express ${version}: each gets its own answer, also where the other is an entry`, async () => {
      const { cache, cached, plain } = await open((req, res) => void res.json([req.originalUrl, req.path]));
      for (const path of PATHS) {
        const expected = await answerOf(plain, path);
        // What the process remembers of a request counts from the second one on.
        for (let time = 0; time < 3; time++) assert.deepEqual(await answerOf(cached, path), expected, path);
        assert.equal((await askPlainly(cached.url + path)).cache, "hit", path);
      }
      assert.equal(await cache.forget({ tenant: "tenant-1", url: "/docs" }), true);
      for (const path of ["/docs", "/docs/"])
        assert.equal((await askPlainly(cached.url + path)).cache, "fwd=miss; stored", path);
    });

    test(`Express ${version}: a target in absolute form is the same one`, async () => {
      const { cache, cached } = await open((req, res) => void res.json([req.path]));
      const ask = async (path: string) => {
        const response = await beginAsWritten(cached.url, path, { "x-tenant": "tenant-1" });
        response.resume();
        return String(response.headers["cache-status"]).includes("; hit");
      };
      for (const path of PATHS) {
        assert.equal(await ask(path), false, path);
        await cache.idle();
        assert.equal(await ask(`${cached.url}${path}`), true, path);
      }
    });

    test(`Express ${version}: what is static redirects to the folder`, async () => {
      const { cached, plain } = await open(express.static(projectFile("docs"), { index: "guarantees.md" }));
      await Promise.all([answerOf(cached, "/docs/"), answerOf(cached, "/docs")]);
      for (const path of ["/docs/use", "/docs/use/", ...PATHS]) {
        const expected = await answerOf(plain, path);
        assert.deepEqual(await answerOf(cached, path), expected, path);
      }
    });
  }
});
