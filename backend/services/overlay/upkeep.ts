// What all services have beside their calls: figures, and what is over.
// Tests: test/integration/overlay-upkeep.test.ts
import type { Actor } from "../audit/audit-trail.js";

/** Of one tenant, in PostgreSQL. */
export interface Figures {
  readonly rows: number;
  /** Of sealed values. */
  readonly bytes: number;
  /** Over, and not cleaned up yet. */
  readonly over: number;
}

/** Who does what nobody has asked for. */
export const SYSTEM: Actor = { id: "system", role: "system" };
