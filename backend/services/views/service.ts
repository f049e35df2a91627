// A service: views, and the records whose changes make them stale.
import type { Role } from "../../http/identity/auth.js";
import type { ModuleRecord } from "../../modules/crud-repository.js";
import type { ModuleDefinition } from "../../modules/module-definition.js";
import type { Touch, View } from "./view.js";

/** A record as it was and as it is; a creation has no `before`, a deletion no `after`. */
export interface Change {
  readonly before?: ModuleRecord;
  readonly after?: ModuleRecord;
}

export interface ServiceRecords {
  /** Table, schema and constraints. Its path below /api is its name. */
  readonly module: ModuleDefinition;
  /** Who may write. */
  readonly writer: Role;
  /** The keys that show the record, before or after the change. */
  touches(change: Change): readonly Touch[];
  /** Every domain that a change may touch: all of them are dropped where it is not known whether it was committed. */
  readonly domains: readonly string[];
}

export interface Service {
  /** Mounted in this order: a path with a parameter comes after those it would take. */
  readonly views: readonly View[];
  readonly records?: ServiceRecords;
}

/** The states of a record around a change: one where it was created or deleted, two where it was changed. */
export function statesOf({ before, after }: Change): readonly ModuleRecord[] {
  return [before, after].filter((state) => state !== undefined);
}
