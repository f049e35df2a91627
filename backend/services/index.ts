// All services: a new one is added here.
import type { Router } from "express";
import { reportsService } from "./reports/reports-service.js";
import { schedulesService } from "./schedules/schedules-service.js";
import { tasksService } from "./tasks/tasks-service.js";
import { usersService } from "./users/users-service.js";
import type { Service } from "./views/service.js";
import { serviceRouter } from "./views/service-routes.js";
import { ViewCache, type ViewCacheOptions } from "./views/view-cache.js";

const SERVICES: readonly Service[] = [usersService, schedulesService, tasksService, reportsService];

/** Mounts the routes of services, all of them by default. Returns what reads and drops their views. */
export function mountServices(
  api: Router,
  options: ViewCacheOptions,
  services: readonly Service[] = SERVICES,
): ViewCache {
  const views = new ViewCache(options);
  // All views first: a service's changes may touch those of another.
  for (const service of services) for (const view of service.views) views.add(view);
  for (const service of services) api.use(serviceRouter(service, options.pool, views));
  return views;
}
