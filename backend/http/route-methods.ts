// Routes that know their methods: any other one is 405 with Allow, OPTIONS lists them.
// Tests: test/http/problems.test.ts
import type { RequestHandler, Router } from "express";
import { HttpProblem } from "./problem.js";
import { inTurn } from "./subject-work.js";

type Method = "get" | "post" | "put" | "delete";
export type MethodHandlers = Readonly<Partial<Record<Method, readonly RequestHandler[]>>>;

/** Mounts handlers on a path, the last of each method to run in its subject's turn, and answers every method that has none (RFC 9110 sections 9.3.7 and 15.5.6). */
export function route(router: Router, path: string, handlers: MethodHandlers): void {
  const methods = Object.keys(handlers) as Method[];
  const allow = methods
    .flatMap((method) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]))
    .join(", ");
  const mounted = router.route(path);
  for (const method of methods) {
    const chain = handlers[method] ?? [];
    mounted[method](...chain.slice(0, -1), ...chain.slice(-1).map(inTurn));
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
