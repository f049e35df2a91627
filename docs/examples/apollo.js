// Apollo Server over one URL: queries are cached by their body, mutations invalidate, and neither is taken for the other.
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginCacheControlDisabled } from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express from "express";
import { createTenantCache } from "express-tenant-cache";
import { getOperationAST, parse } from "graphql";

export const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
export const app = express();

const names = new Map();
export const runs = { queries: 0 };
/** Apollo says `Cache-Control: no-store` of everything, which is obeyed: nothing would be stored. */
const withoutNoStore = {
  requestDidStart: async () => ({
    willSendResponse: async ({ response }) => void response.http.headers.delete("cache-control"),
  }),
};
const server = new ApolloServer({
  plugins: [ApolloServerPluginCacheControlDisabled(), withoutNoStore],
  typeDefs: `
    type Query { name(id: ID!): String }
    type Mutation { rename(id: ID!, name: String!): String }
  `,
  resolvers: {
    Query: {
      name: (_parent, { id }, { tenant }) => {
        runs.queries++;
        return names.get(`${tenant} ${id}`) ?? "nobody";
      },
    },
    Mutation: {
      rename: (_parent, { id, name }, { tenant }) => {
        names.set(`${tenant} ${id}`, name);
        return name;
      },
    },
  },
});
await server.start();

/** What is no valid query is none that could be cached; nor is a persisted one, whose text nobody has here. */
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
  expressMiddleware(server, { context: async ({ req }) => ({ tenant: req.get("x-tenant") }) }),
);
