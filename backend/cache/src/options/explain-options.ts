// What `cache.explain` is asked.
// Tests: test/unit/refusals/explain.test.ts, test/integration/explain.test.ts
import type { IncomingHttpHeaders } from "node:http";
import type { Request } from "express";
import * as z from "zod";
import { requireTenantId, type TenantId } from "../identifiers.js";
import { fn, parse, registerCall } from "./parse.js";

/** A request, as a client would send it. */
export interface ExplainRequest {
  /** As the app sees it, with its query: `"/api/accounts?page=2"`; or with its scheme and host. */
  readonly url: string;
  /** Default GET. */
  readonly method?: string;
  /**
   * All that the answer may depend on; above all what says whose request it is. Default for those that tell host and
   * scheme: as the last request came that missed.
   */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Of a QUERY, or of a POST that asks, as it would be on the wire. */
  readonly body?: string;
  /** Whose it is, where the app finds nobody. Where it finds another tenant, nothing is told. */
  readonly tenant?: TenantId;
  /** Called with the request before the app is: may put an identity on it, where the app's own middleware heeds that. */
  readonly as?: (req: Request) => void;
  /** The app of Express or Nest. Default: that of the last request that missed. */
  readonly app?: object;
}

const METHOD = /^[A-Z]+(?:-[A-Z]+)*$/;
const URL_FORM = /^(?:https?:\/\/[^/?#\s]+)?\/[\x21-\x7e]*$/i;

/** @internal */
const explainSchema = z.strictObject({
  url: z
    .string()
    .max(16_384)
    .refine((url) => URL_FORM.test(url), {
      error: 'write a path with its query, percent-encoded, for example "/api/accounts?page=2"',
    }),
  method: z
    .string()
    .refine((method) => METHOD.test(method), { error: 'write a method in capitals, for example "GET"' })
    .default("GET"),
  headers: z
    .record(z.string(), z.union([z.string(), z.array(z.string()), z.undefined()]))
    .default({})
    .transform((headers) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    ),
  body: z.string().optional(),
  tenant: z
    .union([z.string(), z.number(), z.bigint()])
    .describe("a tenant's id")
    .transform((id) => requireTenantId(id, "explain"))
    .optional(),
  as: fn<NonNullable<ExplainRequest["as"]>>('(req) => { req.auth = { tenantId: "acme" } }').optional(),
  app: z
    .custom<object>((value) => typeof value === "function" || (typeof value === "object" && value !== null), {
      error: "write the Express app that serves the request",
    })
    .optional(),
});

registerCall("explain", 'explain({ tenant: "acme", url: "/api/accounts?page=2" })', explainSchema);

/** @internal */
export type ParsedExplainRequest = Omit<z.output<typeof explainSchema>, "headers"> & {
  readonly headers: IncomingHttpHeaders;
};

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TENANT_ID`
 * @internal
 */
export function parseExplainRequest(given: unknown): ParsedExplainRequest {
  return parse("explain", explainSchema, given);
}
