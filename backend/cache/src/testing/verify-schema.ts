// What `verifyRoutes` takes, checked before anything is asked of the app.
// Tests: test/integration/verify-routes.test.ts, test/unit/refusals/toolkit-options.test.ts
import * as z from "zod";
import { fn, parse, registerCall, timerMs } from "../options/parse.js";
import { CHECKS } from "./checks.js";
import type { VerifyOptions } from "./options.js";

const headers = z
  .record(z.string(), z.string())
  .describe('an object of headers such as { authorization: "Bearer …" }');
const pathParams = z.record(z.string(), z.string()).describe('an object of strings such as { id: "7" }');
const path = z.string().startsWith("/", { error: 'write a path, which must begin with "/", as in "/notes"' });

/** Known by their methods: a test may wrap them. */
const withMethods = (...names: readonly string[]) =>
  z.custom((value) => names.every((name) => typeof Reflect.get(Object(value), name) === "function"), {
    error: `write an object with the methods ${names.join(", ")}`,
  });

const mutation = z.strictObject({
  method: z.enum(["POST", "PUT", "PATCH", "DELETE"]),
  path,
  body: z.unknown().optional(),
  headers: headers.optional(),
});

const verifySchema = z.strictObject({
  app: fn("the Express app"),
  cache: withMethods("idle", "ready", "invalidateTenantCache"),
  tenants: z
    .array(
      z.strictObject({ headers, views: z.array(headers).optional(), names: z.array(z.string()).optional() }),
    )
    .length(2, { error: "give two tenants, each with its headers" }),
  routes: z
    .array(
      z.strictObject({
        path,
        params: z.union([pathParams, z.array(pathParams).length(2)]).optional(),
        mutate: z.union([mutation, fn("(round) => ({ method, path, body })")]).optional(),
        normalize: fn('(body) => body.replace(/"at":\\d+/, "")').optional(),
      }),
    )
    .min(1, { error: "name at least one route" }),
  claims: z.array(z.string()).optional(),
  outage: withMethods("begin", "end").optional(),
  checks: z.array(z.enum(CHECKS.map(({ name }) => name))).optional(),
  timeoutMs: timerMs(1).optional(),
});

registerCall("verifyRoutes", "verifyRoutes({ app, cache, tenants, routes })", verifySchema);

/** @throws TenantCacheError `ETC_OPTIONS` */
export function checkOptions(options: VerifyOptions): void {
  parse("verifyRoutes", verifySchema, options);
}
