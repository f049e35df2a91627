// An action that an AI agent is to do: what callers give, and what they see.
// Tests: test/integration/overlay-ai.test.ts
import * as z from "zod";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { jsonObject, plainId, subjectId } from "../given.js";
import { agentSubject } from "../sealed-cache.js";
import type { ActionRow, AIStatus } from "./ai-queue-rows.js";

export const aiActionSchema = z.strictObject({
  /** What is to be done: "summarize", "draft_reply". */
  type: z.string().regex(/^[a-z][a-z0-9_.-]{0,99}$/, 'must be a word such as "draft_reply"'),
  payload: sensitive(jsonObject().default({})),
  /** The person that it is about: it goes where that is erased. */
  client_id: sensitive(subjectId()).optional(),
  /** The higher, the earlier. */
  priority: z.int().min(-100).max(100).default(0),
  /** The same key is the same action, however often it is added. */
  idempotency_key: plainId().optional(),
  /** Default: now. */
  due_at: z.iso.datetime({ offset: true }).optional(),
  max_attempts: z.int().min(1).max(20).default(5),
});

export type GivenAction = z.input<typeof aiActionSchema>;

/** What is sealed. */
export interface ActionContent {
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly client_id?: string | undefined;
  /** Who or what wants it. */
  readonly requested_by: string;
}

/** What the sealed bytes are bound to. */
export const contextOf = (id: string) => `overlay:ai_action:${id}`;
export const resultOf = (id: string) => `overlay:ai_action:${id}:result`;

/** Whom an action is about: the client, or else the agent who is to do it. */
export const subjectsOf = ({ client_id, agent_id }: ActionContent & { readonly agent_id: string }) =>
  client_id === undefined ? [agentSubject(agent_id)] : [client_id];

export interface AIAction extends ActionContent {
  readonly id: string;
  readonly agent_id: string;
  readonly status: AIStatus;
  readonly priority: number;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly due_at: string;
  /** Why the last attempt failed; a code without personal data. */
  readonly problem: string | null;
  /** Of a done one, where it has any. */
  readonly result?: unknown;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What is worked on: `lease` is shown to whoever has claimed it alone. */
export interface ClaimedAction extends AIAction {
  readonly lease: string;
  readonly leased_until: string;
}

export function actionOf(row: ActionRow, content: ActionContent): AIAction {
  return {
    id: row.id,
    agent_id: row.agent_id,
    ...content,
    status: row.status,
    priority: row.priority,
    attempts: row.attempts,
    max_attempts: row.max_attempts,
    due_at: row.due_at.toISOString(),
    problem: row.problem,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

export interface ClaimOptions {
  /** 1 to 50. Default 1. */
  readonly limit?: number | undefined;
  /** How long nobody else gets them, 5 to 3,600. Default 60. */
  readonly leaseSeconds?: number | undefined;
}

export function boundedClaim({ limit = 1, leaseSeconds = 60 }: ClaimOptions) {
  const between = (least: number, value: number, most: number) =>
    Math.max(least, Math.min(most, Math.floor(value)));
  return { limit: between(1, limit, 50), leaseSeconds: between(5, leaseSeconds, 3600) };
}

/** Doubled with each attempt that failed: 5 seconds at first, an hour at most. */
export const pauseSeconds = (attempts: number): number => Math.min(3600, 5 * 2 ** Math.max(0, attempts - 1));

export interface Failure {
  /** A code without personal data: "model_timeout". */
  readonly problem: string;
  /** Whether trying again may help. Default true. */
  readonly isRetryable?: boolean | undefined;
}
