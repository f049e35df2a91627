// `npm run cache`: which Redis and which app it asks, as the CRM's variables say.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { cacheCommandEnvironment } from "../../../scripts/cache-command/crm-variables.js";

const of = (args: string[], env: Record<string, string>, files: Record<string, string> = {}) =>
  cacheCommandEnvironment(args, env, (file) => files[file] ?? assert.fail(file));

test("the cache's Redis, in each way that the server takes it; never the state's", () => {
  const state = { REDIS_URL: "redis://state" };
  assert.equal(of(["doctor"], state).REDIS_CACHE_URL, undefined);
  assert.ok("REDIS_URL" in of(["doctor"], state));
  assert.equal(of(["doctor"], { REDIS_CACHE_URL: "redis://own" }).REDIS_CACHE_URL, "redis://own");
  const inFile = of(["doctor"], { REDIS_CACHE_URL_FILE: "/url" }, { "/url": "redis://:pw@filed\n" });
  assert.equal(inFile.REDIS_CACHE_URL, "redis://:pw@filed");
  const parts = { REDIS_CACHE_HOST: "cache", REDIS_CACHE_PORT: "6380", REDIS_CACHE_PASSWORD: "p@ss" };
  assert.equal(of(["doctor"], parts).REDIS_CACHE_URL, "redis://:p%40ss@cache:6380");
  const secret = of(
    ["doctor"],
    { REDIS_CACHE_HOST: "cache", REDIS_CACHE_PASSWORD_FILE: "/pw" },
    { "/pw": "x\n" },
  );
  assert.equal(secret.REDIS_CACHE_URL, "redis://:x@cache:6379");
});

test("the app where the server listens, with the token that npm start prints", () => {
  const app = "http://127.0.0.1:4001/ops/cache-api";
  assert.equal(of(["explain", "/a"], {}).ETC_APP_URL, app);
  assert.equal(of(["stats"], {}).ETC_APP_URL, app);
  const elsewhere = of(["stats"], { HOST: "0.0.0.0", PORT: "5000", TOKEN: "t" });
  assert.equal(elsewhere.ETC_APP_URL, "http://127.0.0.1:5000/ops/cache-api");
  assert.equal(elsewhere.ETC_APP_TOKEN, "t");
  assert.equal(of(["stats"], { HOST: "::1" }).ETC_APP_URL, "http://[::1]:4001/ops/cache-api");
  assert.equal(of(["stats"], { TOKEN: "t", ETC_APP_TOKEN: "own" }).ETC_APP_TOKEN, undefined);
});

test("with the cache's Redis, what can ask either asks that; an app that is named is asked", () => {
  const env = { REDIS_CACHE_URL: "redis://own" };
  assert.equal(of(["stats"], env).ETC_APP_URL, undefined);
  assert.ok(of(["warm"], env).ETC_APP_URL);
  assert.equal(of(["stats", "--app", "http://h"], {}).ETC_APP_URL, undefined);
  assert.equal(of(["warm"], { ETC_APP_URL: "http://h" }).ETC_APP_URL, undefined);
});
