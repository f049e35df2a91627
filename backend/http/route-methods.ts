// Routes that know their methods: any other one is 405 with Allow, OPTIONS lists them.
// Tests: test/http/problems.test.ts
import type { RequestHandler, Router } from "express";
import { type Facts, factsOf, tells } from "./openapi/facts.js";
import { HttpProblem } from "./problem.js";
import { inTurn } from "./subject-work.js";

type Method = "get" | "post" | "put" | "patch" | "delete";
export type MethodHandlers = Readonly<Partial<Record<Method, readonly RequestHandler[]>>>;

/** What the middleware of a method cannot tell of it: its summary, its answers, and problems of its own. */
export type MethodFacts = Readonly<Partial<Record<Method, Facts>>>;

/**
 * Mounts handlers on a path, the last of each method to run in its subject's turn, and answers every method that has none (RFC 9110
 * sections 9.3.7 and 15.5.6).
 * @param facts for the OpenAPI description; each method needs a summary and answers, here or told by its handlers
 */
export function route(router: Router, path: string, handlers: MethodHandlers, facts: MethodFacts = {}): void {
  const methods = Object.keys(handlers) as Method[];
  const allow = methods
    .flatMap((method) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]))
    .join(", ");
  const mounted = router.route(path);
  for (const method of methods) {
    const chain = handlers[method] ?? [];
    const last = chain.slice(-1).map((handler) => {
      const bounded = inTurn(handler);
      return tells(tells(bounded, factsOf(handler)), facts[method] ?? {});
    });
    mounted[method](...chain.slice(0, -1), ...last);
  }
  mounted.all((req, res) => {
    res.setHeader("Allow", allow);
    if (req.method === "OPTIONS") {
      res.status(204).end();
      return;
    }
    throw new HttpProblem(405, { detail: `${req.method} is not offered here: use ${allow}.` });
  });
}
