// The handler that caching subjects stand in front of.
import type { Request, RequestHandler } from "express";
import type { SubjectContext } from "./subject.js";

/** Whom the request is for. @throws Error where the workload has sent something it should not */
export function requireTenant({ tenantOf }: SubjectContext, req: Request): string {
  const tenant = tenantOf(req.headers.authorization);
  if (tenant === undefined) throw new Error("a request without a tenant");
  return tenant;
}

/** Reads the rows and answers them as JSON. */
export function listHandler(context: SubjectContext): RequestHandler {
  const { readRows, readyBody } = context;
  return async (req, res) => {
    const tenant = requireTenant(context, req);
    if (readyBody) res.type("json").end(readyBody());
    else res.json({ rows: await readRows(tenant, req.originalUrl) });
  };
}
