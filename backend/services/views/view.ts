// A view: a read whose result is cached by key. It says where it is read, under which key it is kept, for how long, and how it is loaded.
// Tests: test/http/services.test.ts, test/unit/view-policies.test.ts

import type { TtlPreset } from "express-tenant-cache";
import type { PoolClient } from "pg";
import * as z from "zod";
import type { AuditEvent } from "../audit/audit-event.js";

/** The variable parts of a key, by name. */
export type ViewParams = Readonly<Record<string, string>>;

/** What a view loads with: a transaction that sees one tenant, and the day that "today" means. */
export interface Reading {
  readonly client: PoolClient;
  readonly tenantId: string;
  readonly today: string;
}

/** What a TTL may depend on. */
export interface Lifetime<Params, Value> {
  readonly params: Params;
  readonly value: Value;
  readonly today: string;
}

export interface View<Params extends ViewParams = ViewParams, Value = unknown> {
  /** Pattern of the key inside the tenant's prefix, "users:profile:{id}". Its first segment is the domain. */
  readonly key: string;
  /** Below /api, with the key's parameters: "/users/:id". */
  readonly path: string;
  /** Checks the parameters; a path that cannot exist is a 404. */
  readonly params: z.ZodType<Params>;
  /** For the OpenAPI description: what is read, and what the value becomes as JSON. */
  readonly summary: string;
  readonly answer: z.ZodType;
  /** Resolves with `undefined` where there is no such thing: the answer is 404 and is not kept. */
  load(reading: Reading, params: Params): Promise<Value | undefined>;
  /** How long it is kept, seconds. `ttl` is the preset that the configuration chose. */
  ttlSeconds(ttl: TtlPreset, about: Lifetime<Params, Value>): number;
  /** For views that show "today": the day that a value was made for. A value of another day is not shown. */
  dayShown?(value: Value): string;
  /** What the audit trail is told of each read, whatever answers it. Default: nothing. */
  audit?(params: Params): AuditEvent;
}

/** Infers the types of a view from its parts; `load` comes before what uses its value. */
export function defineView<Params extends ViewParams, Value>(view: View<Params, Value>): View<Params, Value> {
  return view;
}

/** One key of a view. */
export interface ViewKey {
  readonly view: View;
  readonly params: ViewParams;
}

/** What a mutation makes stale: one key, all that is kept of a domain, or the responses that carry a tag. */
export type Touch = ViewKey | { readonly domain: string } | { readonly tag: string };

export function touch<Params extends ViewParams>(view: View<Params>, params: Params): ViewKey {
  return { view, params };
}

/** Whole domains: for changes that reach keys which cannot be listed. */
export const touchDomains = (...domains: string[]): Touch[] => domains.map((domain) => ({ domain }));

export const noParams = z.strictObject({});
export { idParams as idParam } from "../../modules/record-facts.js";

/** Today's TTL, that of days to come, and that of days that are over. */
export function ttlOfDay(ttl: TtlPreset, date: string, today: string): number {
  if (date === today) return ttl.MEDIUM;
  return date > today ? 2 * ttl.LONG : ttl.DAY;
}
