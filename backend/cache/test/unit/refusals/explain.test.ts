// What `explain`, `explained`, `causes` and `because` refuse, and what they say instead.
import { afterAll, describe } from "@jest/globals";
import express from "express";
import { createTenantCache } from "../../../src/index.js";
import { quiet } from "../../support/caches.js";
import { any, type Call, type RefusedCall, testRefusals } from "../../support/refused-calls.js";

const cache = createTenantCache({ tenant: () => "acme", logger: quiet });
const app = express();

const explain =
  (given: unknown): Call =>
  () =>
    cache.explain(any(given));
const causes =
  (given: unknown): Call =>
  () =>
    cache.causes(any(given));
const because =
  (given: unknown): Call =>
  () =>
    cache.because(any(given), async () => undefined);

const REQUESTS: readonly RefusedCall[] = [
  [explain(undefined), "ETC_OPTIONS: explain ~ undefined ~ explain({ tenant"],
  [explain("/api/accounts"), "ETC_OPTIONS: explain ~ the options are a string ~ explain({ tenant"],
  [explain({ app }), "ETC_OPTIONS: explain ~ url is missing"],
  [explain({ app, url: "accounts" }), 'ETC_OPTIONS: explain ~ url ~ "accounts" ~ write a path'],
  [explain({ app, url: "/a b" }), "ETC_OPTIONS: explain ~ url ~ percent-encoded"],
  [explain({ app, url: "/ä" }), "ETC_OPTIONS: explain ~ url ~ percent-encoded"],
  [explain({ app, url: "/a\r\nx-tenant: b" }), "ETC_OPTIONS: explain ~ url"],
  [explain({ app, url: `/${"a".repeat(16_384)}` }), "ETC_OPTIONS: explain ~ url"],
  [explain({ app, url: "/a", method: "get" }), 'ETC_OPTIONS: explain ~ method ~ "get" ~ capitals'],
  [explain({ app, url: "/a", headers: { a: 1 } }), "ETC_OPTIONS: explain ~ headers ~ 1, a number"],
  [explain({ app, url: "/a", header: {} }), "ETC_OPTIONS: explain ~ header"],
  [explain({ app, url: "/a", body: {} }), "ETC_OPTIONS: explain ~ body"],
  [explain({ app, url: "/a", as: "ada" }), 'ETC_OPTIONS: explain ~ as ~ "ada", a string ~ (req) =>'],
  [
    explain({ app: "app", url: "/a" }),
    'ETC_OPTIONS: explain ~ app ~ "app", a string ~ write the Express app',
  ],
  [explain({ app, url: "/a", tenant: "*" }), "ETC_TENANT_ID: explain"],
  [explain({ app: {}, url: "/a" }), "ETC_EXPLAIN_APP: explain: the app is ~ explain({ app"],
  [explain({ url: "/a" }), "ETC_EXPLAIN_APP: explain: no request has told ~ explain({ app"],
];

const IDS: readonly RefusedCall[] = [undefined, null, 17, { requestId: "a" }].map((id) => [
  () => cache.explained(any(id)),
  "ETC_ARGUMENTS: explained: the request's id is ~ write what the app's log calls it",
]);

const QUERIES: readonly RefusedCall[] = [
  [causes(undefined), "ETC_OPTIONS: causes ~ causes({ tenant"],
  [causes("acme"), "ETC_OPTIONS: causes ~ the options are a string"],
  [causes({}), "ETC_OPTIONS: causes ~ tenant"],
  [causes({ tenant: "*" }), "ETC_TENANT_ID: causes"],
  [causes({ tenant: "acme", limit: 0 }), "ETC_OPTIONS: causes ~ limit ~ 0, a number"],
  [causes({ tenant: "acme", limit: 1e9 }), "ETC_OPTIONS: causes ~ limit"],
  [causes({ tenant: "acme", module: 1 }), "ETC_OPTIONS: causes ~ module ~ 1, a number"],
  [causes({ tenant: "acme", modules: [] }), "ETC_OPTIONS: causes ~ modules"],
];

const ORIGINS: readonly RefusedCall[] = [
  [because("nightly"), "ETC_OPTIONS: because ~ the options are a string ~ because({ job"],
  [because({}), 'ETC_OPTIONS: because ~ write { job: "nightly import" }'],
  [because({ requestId: "r" }), "ETC_OPTIONS: because ~ { reason:"],
  [because({ job: "" }), "ETC_OPTIONS: because ~ job"],
  [because({ job: "a".repeat(201) }), "ETC_OPTIONS: because ~ job"],
  [because({ actor: "ada" }), "ETC_OPTIONS: because ~ actor"],
  [because({ actor: { tenant: "*", subject: "a" } }), "ETC_OPTIONS: because ~ actor.tenant ~ id of a tenant"],
  [() => cache.because({ job: "a" }, any("work")), "ETC_ARGUMENTS: because ~ the work"],
];

describe("what asks for explanations", () => {
  afterAll(() => cache.close());

  testRefusals("a request that is none, and an app that is none", REQUESTS);
  testRefusals("an id that is none", IDS);
  testRefusals("a query for causes that is none", QUERIES);
  testRefusals("an origin that is none", ORIGINS);
});
