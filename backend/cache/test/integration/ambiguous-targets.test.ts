// Request targets that parsers read in several ways: nobody is answered with what the app made of another one.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { afterEach, describe, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { openCache } from "../support/caches.js";
import { EXPRESS_VERSIONS } from "../support/express-versions.js";
import { serve } from "../support/http-app.js";
import { beginAsWritten } from "../support/plain-request.js";

/** Those of one line look alike to some parser, and not to each other. */
const ALIKE = [
  ["/staff?include=salaries", "/staff#?include=salaries", "/staff?#include=salaries", "/staff"],
  ["/staff?x=y]=z", "/staff?x=y%5D%3Dz", "/staff?x=y%5D=z", "/staff?x=y]%3Dz"],
  ["/staff?[x]=1&x=2", "/staff?x=2&[x]=1", "/staff?%5Bx%5D=1&x=2"],
  ["/staff?%FF=1&%FE=2", "/staff?%FE=2&%FF=1"],
  ["/staff?a[]=1&a=2", "/staff?a=2&a[]=1"],
];

async function askRaw(url: string, path: string, role = ""): Promise<string> {
  return text(await beginAsWritten(url, path, { "x-tenant": "acme", "x-role": role }));
}

describe("targets that are read in several ways", () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  for (const [version, create] of EXPRESS_VERSIONS)
    for (const parser of ["simple", "extended"])
      test(`Express ${version}, query parser ${parser}`, async () => {
        const cache = await openCache("memory");
        opened.push(cache);
        const app = await serve((app) => {
          app.set("query parser", parser);
          const answer: RequestHandler = (req, res) => void res.json(req.query);
          app.get("/staff", cache.cacheList("staff", 60), answer);
          app.get("/plain/staff", answer);
        }, create);
        opened.push(app);
        const ask = (path: string) => askRaw(app.url, path);
        for (const targets of ALIKE)
          for (const first of targets)
            for (const second of targets) {
              await cache.clear();
              await ask(first);
              await cache.idle();
              assert.equal(await ask(second), await ask(`/plain${second}`), `${second} behind ${first}`);
            }
      });

  test("a guard in front of the cache sees the query that the key has", async () => {
    const cache = await openCache("memory");
    opened.push(cache);
    const app = await serve((app) => {
      app.use((req, res, next) => {
        if (req.query.include === "salaries" && req.get("x-role") !== "admin") res.sendStatus(403);
        else next();
      });
      app.get("/staff", cache.cacheList("staff", 60), (req, res) => {
        res.send(req.query.include === "salaries" ? "secret" : "names");
      });
    });
    opened.push(app);
    const ask = (path: string, role: string) => askRaw(app.url, path, role);
    assert.equal(await ask("/staff?include=salaries", "admin"), "secret");
    await cache.idle();
    assert.equal(await ask("/staff#?include=salaries", "user"), "names");
    await cache.clear();
    await ask("/staff#?include=salaries", "user");
    await cache.idle();
    assert.equal(await ask("/staff?include=salaries", "admin"), "secret");
  });
});
