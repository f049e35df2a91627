// An explanation for an operator: the request as the app is to take it, and the app that the operator came through.
// Tests: test/integration/operations.test.ts, test/integration/console-explain.test.ts
import type { Request } from "express";
import { TenantCacheError } from "../errors.js";
import { outermost } from "../express/asked-as.js";
import type { Explain } from "../express/explain-call.js";
import type { Explanation } from "../express/explanation.js";
import type { ExplainRequest } from "../options/explain-options.js";
import type { ParsedOperationsOptions } from "../options/operations-options.js";

export interface Operator {
  /** The operator's own request. */
  readonly req: Request;
  /** One that the operator may see; `undefined` where that is all, and none is named. */
  readonly tenant: string | undefined;
  readonly explainAs: ParsedOperationsOptions["explainAs"];
}

/**
 * Headers that were asked for by name win over those of `explainAs`. Before any request has missed, the app is taken
 * for the one that the operator's own request came to.
 *
 * @throws TenantCacheError as `cache.explain` does
 */
export async function explainedFor(
  cache: { readonly explain: Explain },
  { req, tenant, explainAs }: Operator,
  request: ExplainRequest,
): Promise<Explanation> {
  const { headers, as } = (await explainAs?.(req, tenant)) ?? {};
  const asked: ExplainRequest = {
    ...request,
    headers: { ...lowerCased(headers), ...lowerCased(request.headers) },
    ...(tenant !== undefined && { tenant }),
    ...(as && { as }),
  };
  try {
    return await cache.explain(asked);
  } catch (error) {
    if (!(error instanceof TenantCacheError) || error.code !== "ETC_EXPLAIN_APP") throw error;
    return cache.explain({ ...asked, app: outermost(req.app) as object });
  }
}

/** Two spellings of one name are one header. */
function lowerCased(headers: ExplainRequest["headers"] = {}): NonNullable<ExplainRequest["headers"]> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
