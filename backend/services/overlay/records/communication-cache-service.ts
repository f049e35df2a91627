// Communications with a client: mails, calls, messages, meetings.
// Tests: test/integration/overlay-records.test.ts
import * as z from "zod";
import { optional } from "../../../modules/field-types.js";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { jsonObject, plainId, subjectId } from "../given.js";
import type { OverlayParts } from "../overlay-parts.js";
import type { StaleKeys } from "../stale-keys.js";
import { RecordService } from "./record-service.js";

const KIB = 1024;

export const communicationSchema = z.strictObject({
  /** Default: a new UUID. */
  id: plainId().optional(),
  client_id: sensitive(subjectId()),
  /** Others whom it shows: it is sealed under their keys, too, and goes with any of them. */
  participants: sensitive(z.array(subjectId()).max(63).default([])),
  channel: z.enum(["email", "call", "sms", "chat", "meeting", "letter"]),
  direction: z.enum(["inbound", "outbound"]),
  status: z.enum(["draft", "scheduled", "sent", "received", "failed"]).default("received"),
  subject: sensitive(optional(z.string().max(500))),
  body: sensitive(optional(z.string().max(60_000))),
  occurred_at: z.iso.datetime({ offset: true }),
  metadata: sensitive(jsonObject().default({})),
});

export type Communication = Omit<z.output<typeof communicationSchema>, "id"> & { readonly id: string };

export class CommunicationCacheService extends RecordService<Communication> {
  constructor(parts: OverlayParts, stale: StaleKeys) {
    super(parts, stale, {
      entityType: "communication",
      plural: "communications",
      table: "overlay_communications",
      entryKey: "communication:{id}",
      listKey: "client_comms:{clientId}",
      dataClass: "phi",
      ttlSeconds: parts.ttl.communication,
      maxBytes: 64 * KIB,
      document: communicationSchema,
      subjectsOf: ({ client_id, participants }) => [client_id, ...participants],
    });
  }
}
