// Changes of records, and who has to hear of them before they are answered: whoever caches what is made from records.
// Tests: test/http/service-cascades.test.ts
import type { ModuleRecord } from "./crud-repository.js";

/** A record as it was and as it is; a creation has no `before`, a deletion no `after`. */
export interface Change {
  readonly before?: ModuleRecord;
  readonly after?: ModuleRecord;
}

export interface ChangeListener {
  /** Resolves when nothing that was made from the record, as it was or as it is, can be read any more. */
  changed(tenantId: string, module: string, change: Change): Promise<void>;
  /** As {@link changed}, where it is not known whether a change took place, or which. */
  changedSomehow(tenantId: string, module: string): Promise<void>;
}

/** Tells one listener after the other. */
export function toAll(...listeners: readonly ChangeListener[]): ChangeListener {
  return {
    changed: async (tenantId, module, change) => {
      for (const listener of listeners) await listener.changed(tenantId, module, change);
    },
    changedSomehow: async (tenantId, module) => {
      for (const listener of listeners) await listener.changedSomehow(tenantId, module);
    },
  };
}

/** The states of a record around a change: one where it was created or deleted, two where it was changed. */
export function statesOf({ before, after }: Change): readonly ModuleRecord[] {
  return [before, after].filter((state) => state !== undefined);
}
