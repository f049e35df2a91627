// Users and technicians: what their changes make stale.
// Tests: test/http/service-cascades.test.ts
import type { ModuleRecord } from "../../modules/crud-repository.js";
import { type Change, statesOf } from "../../modules/record-changes.js";
import { usersModule } from "../records/users-module.js";
import type { Service } from "../views/service.js";
import { type Touch, touch, touchDomains } from "../views/view.js";
import { createUser } from "./create-user.js";
import { inviteAgain } from "./invite-again.js";
import { allTechnicians, allUsers, technicianSchedule, userProfile } from "./users-views.js";

export const usersService: Service = {
  views: [userProfile, allUsers, allTechnicians, technicianSchedule],
  records: {
    module: usersModule,
    writer: "admin",
    create: createUser,
    actions: { invitation: inviteAgain },
    domains: ["users", "schedules", "tasks", "reports"],
    touches: (change) => {
      const touched = [
        touch(allUsers, {}),
        ...statesOf(change).map((user) => touch(userProfile, idOf(user))),
      ];
      const technician = statesOf(change).find((user) => user.is_technician === true);
      if (technician) {
        touched.push(touch(allTechnicians, {}), touch(technicianSchedule, idOf(technician)));
      }
      return [...touched, ...touchedElsewhere(change)];
    },
  },
};

/** Schedules, tasks and reports show names; they lose the rows, or the name, of whoever is deleted. */
function touchedElsewhere({ before, after }: Change): Touch[] {
  if (!before) return [];
  const shown = before.name !== after?.name || before.is_technician !== after?.is_technician;
  return shown || before.is_active !== after?.is_active ? touchDomains("schedules", "tasks", "reports") : [];
}

const idOf = (user: ModuleRecord) => ({ id: String(user.id) });
