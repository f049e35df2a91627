// What the routes for those who watch over the overlay tell of themselves, for the OpenAPI description.
// Tests: test/http/overlay-routes.test.ts, test/http/openapi.test.ts
import * as z from "zod";
import { dataOf, named } from "../../../http/openapi/named-schemas.js";
import type { MethodFacts } from "../../../http/route-methods.js";

const known = z.int().nullable();
const figures = z.strictObject({ rows: z.int(), bytes: z.int(), over: z.int() });

export const upkeepFacts = {
  stats: {
    get: {
      summary: "Figures of the overlay",
      answers: {
        200: dataOf(
          named(
            "OverlayStats",
            z.strictObject({
              rows: z.strictObject({
                clients: figures,
                communications: figures,
                tasks: figures,
                documents: figures,
              }),
              aiQueue: z.record(z.string(), z.int()),
              cache: z.record(
                z.string(),
                z.strictObject({ hits: z.int(), misses: z.int(), entries: known, bytes: known }),
              ),
            }),
          ),
        ),
      },
    },
  },
  cleanup: {
    post: {
      summary: "Remove what is over, a batch of each kind",
      answers: {
        200: dataOf(z.strictObject({ removed: z.record(z.string(), z.int()), more: z.boolean() })),
      },
    },
  },
} satisfies Record<string, MethodFacts>;
