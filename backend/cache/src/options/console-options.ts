// The options of `cache.console`, and what its `authorize` returns.
// Tests: test/integration/console-access.test.ts
import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Request, Response } from "express";
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import type { TenantId } from "../identifiers.js";
import { shown } from "../shown.js";
import { type ConsolePage, consolePages } from "./console-pages.js";
import type { ExplainRequest } from "./explain-options.js";
import { fn, parse, registerCall } from "./parse.js";

/** What a person may see and do in the console. */
export interface ConsoleAccess {
  /** Whether the console's own pages are shown. */
  readonly view: boolean;
  /** Of which tenants: nothing is told of others, neither names nor sums. `"all"` is for operators of the whole. */
  readonly tenants: "all" | readonly TenantId[];
  /** Whether this person may purge what these tenants have. Default false. */
  readonly purge?: boolean;
  /** Whether this person may start warm-ups for them. Default false. */
  readonly warm?: boolean;
  /** Which of the app's own pages (the option `pages`) are shown, by their paths; also without `view`. Default: none. */
  readonly pages?: readonly string[];
  /** Who it is: shown, counted by, and put on record with a purge. Default `"someone"`. */
  readonly name?: string;
}

/** Where to log in: a URL, which the browser is sent to. */
export interface ConsoleRedirect {
  readonly redirect: string;
}

export type ConsoleDecision = ConsoleAccess | ConsoleRedirect | false | undefined;

/** A `CacheMonitor`, as far as the console needs it. */
export interface ConsoleMonitor extends Pick<EventEmitter, "on" | "off"> {
  readonly alerts: readonly { readonly name: string; readonly message: string; readonly since: Date }[];
}

/** A `CacheWarmer`, as far as the console needs it. */
export interface ConsoleWarmer extends Pick<EventEmitter, "on" | "off"> {
  readonly names: readonly string[];
}

/** Whose an explained request is: fields that it is sent with, or an identity that is put on it. */
export type ConsoleIdentity = Pick<ExplainRequest, "headers" | "as">;

export interface ConsoleOptions {
  /** Decides for each request who asks and what that person may: from the session, never from what a client claims. */
  readonly authorize: (req: Request) => ConsoleDecision | Promise<ConsoleDecision>;
  /** The app's own, with its rules and thresholds. Default: one of the console's, started at its first request. */
  readonly monitor?: ConsoleMonitor;
  /** The app's own. Default: none, and no warm-ups. */
  readonly warmer?: ConsoleWarmer;
  /**
   * For the page that explains a request: how the app is to know whose it is. `req` is the operator's own request,
   * `tenant` one that `authorize` allows. Default: it is asked without a login.
   */
  readonly explainAs?: (req: Request, tenant: string) => ConsoleIdentity | Promise<ConsoleIdentity>;
  /** Pages of the app's own, in the console's frame: for whom `authorize` names them. Default: none. */
  readonly pages?: readonly ConsolePage[];
  /**
   * Ends the session of whoever asks, and returns the URL where the browser goes on, as `"../login"`. It is called for a
   * button in the head of each page, whose form is protected as the others are. Default: there is no button.
   */
  readonly signOut?: (req: Request, res: Response) => string | Promise<string>;
}

/** Middleware to be mounted by `app.use(path, …)`. */
export type ConsoleHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Mounts the console: pages for operators. See `docs/operate/console.md`. */
export type CreateConsole = (options: ConsoleOptions, ...surplus: never[]) => ConsoleHandler;

const has = (...methods: readonly string[]) => {
  return (value: unknown) =>
    methods.every((method) => typeof Reflect.get(Object(value), method) === "function");
};

const consoleSchema = z.strictObject({
  authorize: z.custom<ConsoleOptions["authorize"]>((value) => typeof value === "function", {
    error:
      'write who may see the console, for example (req) => req.session?.isOperator && { view: true, tenants: "all" }',
    params: { code: "ETC_CONSOLE_AUTHORIZE" },
  }),
  monitor: z
    .custom<ConsoleMonitor>(has("on", "off", "sample"), { error: "write the app's CacheMonitor" })
    .optional(),
  warmer: z
    .custom<ConsoleWarmer>(has("on", "off", "warm"), { error: "write the app's CacheWarmer" })
    .optional(),
  explainAs: fn<NonNullable<ConsoleOptions["explainAs"]>>(
    "(req, tenant) => ({ headers: { authorization: req.session.token } })",
  ).optional(),
  pages: consolePages.optional(),
  signOut: fn<NonNullable<ConsoleOptions["signOut"]>>(
    '(req) => { req.session.destroy(); return "../login"; }',
  ).optional(),
});

registerCall("console", "console({ authorize: (req) => req.session?.operator })", consoleSchema);

/** @internal */
export type ParsedConsoleOptions = z.output<typeof consoleSchema>;

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_CONSOLE_AUTHORIZE`
 * @internal
 */
export function parseConsoleOptions(options: unknown): ParsedConsoleOptions {
  return parse("console", consoleSchema, options);
}

const MAX_NAME = 100;
const tenantId = z.union([z.string(), z.number(), z.bigint()]);
const decision = z.union([
  z.literal(false),
  z.undefined(),
  z.strictObject({ redirect: z.string().min(1).max(2048) }),
  z.strictObject({
    view: z.boolean(),
    tenants: z.union([z.literal("all"), z.array(tenantId)]),
    purge: z.boolean().default(false),
    warm: z.boolean().default(false),
    pages: z.array(z.string()).default([]),
    name: z.string().min(1).default("someone"),
  }),
]);

/** @internal */
export type ParsedDecision = z.output<typeof decision>;

/**
 * What `authorize` has returned. A name is cut at 100 characters.
 * @throws TenantCacheError `ETC_CONSOLE_ACCESS`
 * @internal
 */
export function parseDecision(returned: unknown): ParsedDecision {
  const parsed = decision.safeParse(returned);
  if (parsed.success) {
    const { data } = parsed;
    return data && "name" in data ? { ...data, name: data.name.slice(0, MAX_NAME) } : data;
  }
  throw new TenantCacheError(
    "ETC_CONSOLE_ACCESS",
    `authorize of the console returned ${shown(returned)}: return { view: true, purge: false, tenants: "all" }, tenants as an array of ids, { redirect: "/login" }, or false`,
  );
}
