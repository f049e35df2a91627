// All services: a new one is added here.
import type { Router } from "express";
import type { StateStore } from "../state/state-redis.js";
import { creditsRouter } from "./credits/credits-routes.js";
import { creditsService } from "./credits/credits-service.js";
import { dealsService } from "./deals/deals-service.js";
import { reportsService } from "./reports/reports-service.js";
import { schedulesService } from "./schedules/schedules-service.js";
import { tasksService } from "./tasks/tasks-service.js";
import { usersService } from "./users/users-service.js";
import { listTag, type Service } from "./views/service.js";
import { type ServiceContext, serviceRouter } from "./views/service-routes.js";
import { ViewCache, type ViewCacheOptions } from "./views/view-cache.js";
import { workflowsService } from "./workflows/workflows-service.js";

export const SERVICES: readonly Service[] = [
  usersService,
  schedulesService,
  tasksService,
  reportsService,
  dealsService,
  creditsService,
  workflowsService,
];

export interface ServicesContext extends ServiceContext {
  /** Where limits of single endpoints count. Default: this process's memory. */
  readonly state?: StateStore | undefined;
}

/** What reads and drops the services' views; it has to hear of every change of a record. */
export function openViews(options: ViewCacheOptions): ViewCache {
  const views = new ViewCache(options);
  for (const { views: own, records, watches = {} } of SERVICES) {
    for (const view of own) views.add(view);
    if (records) views.watch(records.module.name, records);
    if (records?.isListed) {
      const { name } = records.module;
      views.watch(name, { touches: () => [{ tag: listTag(name) }], domains: [name] });
    }
    for (const [module, watch] of Object.entries(watches)) views.watch(module, watch);
  }
  return views;
}

/** Mounts the routes of all services. */
export function mountServices(api: Router, context: ServicesContext): void {
  for (const service of SERVICES) api.use(serviceRouter(service, context));
  api.use(creditsRouter(context));
}
