// A service: views, the records it writes, and whose changes make the views stale.
// Tests: test/http/services.test.ts
import type { RequestHandler } from "express";
import type { Pool } from "pg";
import type { Role } from "../../http/identity/auth.js";
import type { ModuleDefinition } from "../../modules/module-definition.js";
import type { Change } from "../../modules/record-changes.js";
import type { RecordWriter } from "../../modules/record-writer.js";
import type { TokenSigning } from "../auth/typed-token.js";
import type { Touch, View } from "./view.js";

/** What changes of a module's records make stale. */
export interface Watch {
  /** The keys that show the record, before or after the change. */
  touches(change: Change): readonly Touch[];
  /** Every domain that a change may touch: all of them are dropped where it is not known whether it was committed. */
  readonly domains: readonly string[];
}

export interface CreationContext {
  /** Absent where nobody can log in. */
  readonly signing?: TokenSigning | undefined;
}

export interface ActionContext extends CreationContext {
  readonly pool: Pool;
}

export interface ServiceRecords extends Watch {
  /** Table, schema and constraints. Its path below /api is its name. */
  readonly module: ModuleDefinition;
  /** Who may write. */
  readonly writer: Role;
  /** What POST runs, behind the role, where it takes more than the record. The last one tells of itself (`tells`), as those of actions do. */
  readonly create?: (writer: RecordWriter, context: CreationContext) => readonly RequestHandler[];
  /** What POST of a path below the record runs, behind the role: "invitation" for `/users/:id/invitation`. */
  readonly actions?: Readonly<Record<string, (context: ActionContext) => readonly RequestHandler[]>>;
  /** Whether all of them are a list with the module's filters, and a count. Default: no. */
  readonly isListed?: boolean;
}

export interface Service {
  /** Mounted in this order: a path with a parameter comes after those it would take. */
  readonly views: readonly View[];
  readonly records?: ServiceRecords;
  /** What changes of other modules' and services' records make stale, by module. */
  readonly watches?: Readonly<Record<string, Watch>>;
}

/**
 * Carried by the cached lists of a service's records. A change of one of them reaches these lists, and leaves the views of the same domain
 * that do not show it.
 */
export const listTag = (records: string): string => `${records}-list`;
