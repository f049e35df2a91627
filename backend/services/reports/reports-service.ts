// Reports: made from tasks and schedules, whose services say which of them a change makes stale.
// Tests: test/http/service-cascades.test.ts
import type { Service } from "../views/service.js";
import { analytics, dashboard, performance } from "./reports-views.js";

export const reportsService: Service = { views: [dashboard, performance, analytics] };
