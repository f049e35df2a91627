// GraphQL over one URL: queries are cached by their body, mutations invalidate, and neither is taken for the other.
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { buildSchema, getOperationAST, parse } from "graphql";
import { createHandler } from "graphql-http/lib/use/express";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

const names = new Map();
export const runs = { queries: 0 };
const schema = buildSchema(`
  type Query { name(id: ID!): String }
  type Mutation { rename(id: ID!, name: String!): String }
`);
const rootValue = {
  name: ({ id }, { tenant }) => {
    runs.queries++;
    return names.get(`${tenant} ${id}`) ?? "nobody";
  },
  rename: ({ id, name }, { tenant }) => {
    names.set(`${tenant} ${id}`, name);
    return name;
  },
};

/** What is no valid query is none that could be cached. */
const isQuery = ({ body }) => {
  try {
    return getOperationAST(parse(body.query), body.operationName)?.operation === "query";
  } catch {
    return false;
  }
};

app.post(
  "/graphql",
  express.json(),
  cache.cacheList("graph", {
    methods: ["POST"],
    ttlSeconds: 60,
    skip: (req) => !isQuery(req),
    // GraphQL answers 200 to what has failed.
    shouldStore: (_req, { json }) => !json().errors,
    vary: ["Accept"],
  }),
  cache.invalidateCache({ modules: ["graph"], when: (req) => !isQuery(req) }),
  createHandler({ schema, rootValue, context: ({ raw }) => ({ tenant: raw.get("x-tenant") }) }),
);
