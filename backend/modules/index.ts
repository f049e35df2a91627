// All modules, and where each is mounted: a new one is added here.
import type { Router } from "express";
import { chooseTenant, requireTenant } from "../http/identity/tenant-choice.js";
import { accountsModule } from "./accounts/accounts-module.js";
import { bizdevsourcesModule } from "./bizdevsources/bizdevsources-module.js";
import { mountPromotion } from "./bizdevsources/promote-bizdevsource.js";
import { contactsModule } from "./contacts/contacts-module.js";
import { mountContactSearch } from "./contacts/search-contacts.js";
import { crudRouter } from "./crud-routes.js";
import { mountLeadConversion } from "./leads/convert-lead.js";
import { leadsModule } from "./leads/leads-module.js";
import type { ModuleContext } from "./module-context.js";
import type { ModuleDefinition } from "./module-definition.js";

interface MountedModule {
  readonly definition: ModuleDefinition;
  /** Routes beside the ones that every module has. */
  readonly ownRoutes?: (router: Router, context: ModuleContext) => void;
}

const MODULES: readonly MountedModule[] = [
  { definition: accountsModule },
  { definition: leadsModule, ownRoutes: mountLeadConversion },
  { definition: contactsModule, ownRoutes: mountContactSearch },
  { definition: bizdevsourcesModule, ownRoutes: mountPromotion },
];

/** Mounts every module under its name. */
export function mountModules(api: Router, context: ModuleContext): void {
  for (const { definition, ownRoutes } of MODULES) {
    const router = crudRouter(definition, context, (own) => ownRoutes?.(own, context));
    api.use(`/${definition.name}`, chooseTenant, requireTenant, router);
  }
}
