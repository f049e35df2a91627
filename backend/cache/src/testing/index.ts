// The public face of express-tenant-cache/testing: verifies the cached routes of a user's own app.
export type {
  CheckName,
  Mutation,
  Outage,
  PathParams,
  VerifiedRoute,
  VerifiedTenant,
  VerifyOptions,
} from "./options.js";
export type { CheckResult, VerifyReport } from "./report.js";
export { assertRoutes, verifyRoutes } from "./verify-routes.js";
