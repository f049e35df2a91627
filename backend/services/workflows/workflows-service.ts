// Definitions of workflows, and the leads of saved lists.
// Tests: test/http/credits-and-workflows.test.ts
import * as z from "zod";
import { recordId } from "../../modules/field-types.js";
import { leadlistsModule } from "../../modules/leadlists/leadlists-module.js";
import { leadsModule } from "../../modules/leads/leads-module.js";
import { statesOf } from "../../modules/record-changes.js";
import { workflowsModule } from "../../modules/workflows/workflows-module.js";
import { recordRows } from "../views/record-rows.js";
import type { Service } from "../views/service.js";
import { defineView, idParam, touch } from "../views/view.js";

const LEADS_TTL_SECONDS = 120;
const MAX_LEADS = 500;

const workflows = recordRows(workflowsModule);
const lists = recordRows(leadlistsModule);
const leads = recordRows(leadsModule);

/** What runs a workflow needs, without what describes it. */
export const workflowDefinition = defineView({
  key: "workflow:{id}:definition",
  path: "/workflows/:id/definition",
  params: idParam,
  summary: "Read what runs a workflow",
  answer: workflowsModule.record.pick({ id: true, trigger: true, is_active: true, definition: true }),
  load: async (reading, { id }) => {
    const [workflow] = await workflows(reading, "t.id = $2", [id]);
    if (!workflow) return undefined;
    const { trigger, is_active, definition } = workflow;
    return { id, trigger, is_active, definition };
  },
  ttlSeconds: (ttl) => ttl.SHORT,
});

/** In the domain of the module leads: whatever changes leads cuts it off with their lists. */
export const leadsOfList = defineView({
  key: "leads:{listId}",
  path: "/leadlists/:listId/leads",
  params: z.strictObject({ listId: recordId() }),
  summary: "List the leads of a saved list",
  answer: z.array(leadsModule.record),
  load: async (reading, { listId }) => {
    const [list] = await lists(reading, "t.id = $2", [listId]);
    if (!list) return undefined;
    return await leads(
      reading,
      `t.converted_at IS NULL AND t.status = coalesce($2, t.status)
       AND ($3::text IS NULL OR t.source = $3) AND ($4::text IS NULL OR t.rating = $4)
       AND ($5::int IS NULL OR t.score >= $5) AND ($6::text IS NULL OR t.owner_email = $6)
       ORDER BY t.score DESC NULLS LAST, t.id DESC LIMIT ${MAX_LEADS}`,
      [list.status, list.source, list.rating, list.min_score, list.owner_email],
    );
  },
  ttlSeconds: () => LEADS_TTL_SECONDS,
});

export const workflowsService: Service = {
  views: [workflowDefinition, leadsOfList],
  watches: {
    workflows: {
      domains: ["workflow"],
      touches: (change) => statesOf(change).map(({ id }) => touch(workflowDefinition, { id: String(id) })),
    },
    leadlists: {
      domains: ["leads"],
      touches: (change) => statesOf(change).map(({ id }) => touch(leadsOfList, { listId: String(id) })),
    },
  },
};
