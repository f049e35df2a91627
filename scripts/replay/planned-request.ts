// A request of a replayed day: when, of whom, and what follows from its answer.

export interface PlannedRequest {
  /** Since the beginning of the day, hours. */
  readonly atHours: number;
  readonly tenantId: string;
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  /** Who asks, with the overlay's role agent. Default: an administrator. */
  readonly agentId?: string;
  /** Nobody of ours asks: the other CRM tells of a change of this client. */
  readonly changedCrmId?: string;
  /** What follows from the answer at once. */
  readonly followedBy?: ((answer: unknown) => readonly Planned[]) | undefined;
}

export type Planned = Omit<PlannedRequest, "atHours" | "tenantId">;
