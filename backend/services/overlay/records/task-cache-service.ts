// Tasks about a client, by client and status.
// Tests: test/integration/overlay-records.test.ts
import * as z from "zod";
import { optional } from "../../../modules/field-types.js";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { jsonObject, plainId, subjectId } from "../given.js";
import type { OverlayParts } from "../overlay-parts.js";
import type { StaleKeys } from "../stale-keys.js";
import { RecordService } from "./record-service.js";

const KIB = 1024;

export const TASK_STATUSES = ["open", "in_progress", "blocked", "done", "cancelled"] as const;
export type TaskStatus = (typeof TASK_STATUSES)[number];

export const taskSchema = z.strictObject({
  /** Default: a new UUID. */
  id: plainId().optional(),
  client_id: sensitive(subjectId()),
  title: sensitive(z.string().trim().min(1).max(300)),
  description: sensitive(optional(z.string().max(20_000))),
  status: z.enum(TASK_STATUSES).default("open"),
  priority: z.enum(["low", "normal", "high", "urgent"]).default("normal"),
  due_at: optional(z.iso.datetime({ offset: true })),
  metadata: sensitive(jsonObject().default({})),
});

export type Task = Omit<z.output<typeof taskSchema>, "id"> & { readonly id: string };

export class TaskCacheService extends RecordService<Task> {
  constructor(parts: OverlayParts, stale: StaleKeys) {
    super(parts, stale, {
      entityType: "task",
      plural: "tasks",
      table: "overlay_tasks",
      entryKey: "task:{id}",
      listKey: "client_tasks:{clientId}",
      dataClass: "personal",
      ttlSeconds: parts.ttl.task,
      maxBytes: 32 * KIB,
      document: taskSchema,
      subjectsOf: ({ client_id }) => [client_id],
    });
  }
}
