// GET /api/openapi.json: the description of the app that serves it.
// Tests: test/http/openapi.test.ts
import { createHash } from "node:crypto";
import type { RequestHandler, Router } from "express";
import * as z from "zod";
import { describeApp } from "./openapi/document.js";
import { route } from "./route-methods.js";

/**
 * Anybody may read it: it holds nothing of a tenant, and nothing that the source does not say. It is made once, when it is first asked
 * for, because by then all routes are mounted.
 */
export function mountOpenApi(api: Router, app: { readonly router: object }): void {
  let made: Promise<{ readonly text: string; readonly etag: string }> | undefined;
  const read: RequestHandler = async (_req, res) => {
    made ??= describeApp(app).then((document) => {
      const text = JSON.stringify(document);
      return { text, etag: `"${createHash("sha256").update(text).digest("base64url")}"` };
    });
    const { text, etag } = await made;
    res.setHeader("ETag", etag);
    // What has been deployed since is seen at once.
    res.setHeader("Cache-Control", "public, no-cache");
    res.type("json").send(text);
  };
  route(
    api,
    "/openapi.json",
    { get: [read] },
    {
      get: {
        summary: "This description",
        isConditional: true,
        answers: { 200: z.looseObject({ openapi: z.string() }) },
      },
    },
  );
}
