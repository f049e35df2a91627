// All modules, and where each is mounted: a new one is added here.
import type { Router } from "express";
import { toldAs } from "../http/access-log.js";
import { chooseTenant, requireTenant } from "../http/identity/tenant-choice.js";
import { accountsModule } from "./accounts/accounts-module.js";
import { activitiesModule } from "./activities/activities-module.js";
import { bizdevsourcesModule } from "./bizdevsources/bizdevsources-module.js";
import { mountPromotion } from "./bizdevsources/promote-bizdevsource.js";
import { contactsModule } from "./contacts/contacts-module.js";
import { mountContactSearch } from "./contacts/search-contacts.js";
import { crudRouter } from "./crud-routes.js";
import { mountDocumentContent } from "./documents/document-content.js";
import { documentsModule } from "./documents/documents-module.js";
import { leadlistsModule } from "./leadlists/leadlists-module.js";
import { mountLeadConversion } from "./leads/convert-lead.js";
import { leadsModule } from "./leads/leads-module.js";
import type { ModuleContext } from "./module-context.js";
import { linkModules, type ModuleDefinition } from "./module-definition.js";
import { opportunitiesModule } from "./opportunities/opportunities-module.js";
import { ordersModule } from "./orders/orders-module.js";
import { workflowsModule } from "./workflows/workflows-module.js";

export const MODULES: readonly ModuleDefinition[] = linkModules([
  accountsModule,
  leadsModule,
  contactsModule,
  bizdevsourcesModule,
  opportunitiesModule,
  activitiesModule,
  documentsModule,
  ordersModule,
  workflowsModule,
  leadlistsModule,
]);

/** Routes beside the ones that every module has, by module. */
const OWN_ROUTES: Readonly<Record<string, (router: Router, context: ModuleContext) => void>> = {
  leads: mountLeadConversion,
  contacts: mountContactSearch,
  bizdevsources: mountPromotion,
  documents: mountDocumentContent,
};

/** Mounts modules under their names. */
export function mountModules(
  api: Router,
  context: ModuleContext,
  names: readonly string[] = MODULES.map(({ name }) => name),
): void {
  for (const module of MODULES) {
    if (!names.includes(module.name)) continue;
    const router = crudRouter(module, context, (own) => OWN_ROUTES[module.name]?.(own, context));
    api.use(`/${module.name}`, toldAs(module.name), chooseTenant, requireTenant, router);
  }
}
