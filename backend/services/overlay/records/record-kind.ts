// What a kind of sealed records is: its table, its keys in the cache, and what it takes.
import type * as z from "zod";
import type { DataClass } from "../../audit/audit-trail.js";
import type { RecordTable } from "./sealed-rows.js";

/** What every record has, whatever it is about. */
export interface BaseRecord {
  readonly id: string;
  /** Whose it is: the `subjectId` of a person. */
  readonly client_id: string;
  readonly status: string;
}

/** What the services add to a record that they return. */
export interface Kept {
  readonly agent_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly expires_at: string;
}

export interface RecordKind<T extends BaseRecord> {
  /** As audit records name it. */
  readonly entityType: string;
  /** In sentences, plural: "communications". */
  readonly plural: string;
  readonly table: RecordTable;
  /** `communication:{id}` */
  readonly entryKey: string;
  /** `client_comms:{clientId}`; its gap is filled with the client's pseudonym. */
  readonly listKey: string;
  readonly dataClass: DataClass;
  readonly ttlSeconds: number;
  /** Of a record's JSON. */
  readonly maxBytes: number;
  /** What callers give; `id` may be left out. */
  readonly document: z.ZodType<Omit<T, "id"> & { readonly id?: string | undefined }>;
  /** All persons that a record shows, the client first. */
  subjectsOf(record: T): readonly string[];
}
