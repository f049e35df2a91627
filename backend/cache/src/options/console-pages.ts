// Pages that an app gives the console: what they are asked with, and what they may answer.
// Tests: test/integration/console-app-pages.test.ts
import type { Request } from "express";
import * as z from "zod";
import { fn } from "./parse.js";

/** Markup that the tag `html` of a {@link ConsolePageRequest} has made. Nothing else is taken for markup. */
export interface ConsoleHtml {
  readonly text: string;
}

/** What may stand in a template. Texts are escaped; `undefined`, `null` and `false` are nothing. */
export type ConsoleInsertion =
  | string
  | number
  | bigint
  | ConsoleHtml
  | readonly ConsoleHtml[]
  | undefined
  | null
  | false;

/** A request for a page, by somebody whom `authorize` lets see it. */
export interface ConsolePageRequest {
  readonly req: Request;
  /** As `authorize` has said. */
  readonly person: { readonly name: string; readonly tenants: "all" | readonly string[] };
  readonly query: URLSearchParams;
  /** Escapes what is put in, for text and for attributes in quotes, which is where it may stand. */
  readonly html: (markup: TemplateStringsArray, ...values: readonly ConsoleInsertion[]) => ConsoleHtml;
  /** A table that scrolls within itself on a phone. Each row is a `<tr>`; `none` is said where there is no row. */
  readonly table: (
    caption: string,
    heads: readonly string[],
    rows: readonly ConsoleHtml[],
    none: string,
  ) => ConsoleHtml;
  /** A relative URL of the console: the path of a page, and what it is asked. `undefined` is left out. */
  readonly link: (path: string, parameters?: Readonly<Record<string, string | undefined>>) => string;
  /** A moment, in UTC: a `<time>`. */
  readonly time: (at: Date | number) => ConsoleHtml;
  /** As the other pages write it: `45 s`, `12 min`, `3.5 h`, `2.1 d`. */
  readonly duration: (seconds: number) => string;
  /** A hidden field: each form with `method="post"` needs it. */
  readonly token: ConsoleHtml;
}

/**
 * What a page answers: markup; markup with a status; another page of the console, which the browser is sent to
 * (`{ goTo: "orders?late=1" }`); or a file, which it saves.
 */
export type ConsoleAnswer =
  | ConsoleHtml
  | { readonly content: ConsoleHtml; readonly status?: number }
  | { readonly goTo: string }
  | { readonly file: string; readonly type: string; readonly text: string };

/** A page of the app's own in the console. Who sees it says `pages` of what `authorize` returns. */
export interface ConsolePage {
  /** Its URL below the console: small letters, digits and hyphens, as in `"orders"`. */
  readonly path: string;
  /** Its heading, and its name among the pages. */
  readonly title: string;
  /** Answers GET and HEAD, so it changes nothing. What it throws goes to the app's error handler. */
  readonly render: (request: ConsolePageRequest) => ConsoleAnswer | Promise<ConsoleAnswer>;
  /** Answers POST of a form that came from the console itself. Default: POST is refused. */
  readonly submit?: (
    request: ConsolePageRequest,
    form: ReadonlyMap<string, string>,
  ) => ConsoleAnswer | Promise<ConsoleAnswer>;
}

/** What the console answers at itself: no page of an app may have such a path. */
export const OWN_PATHS: readonly string[] = [
  "modules",
  "tenants",
  "advice",
  "entries",
  "explain",
  "causes",
  "purge",
  "warm",
  "alerts",
  "tail",
  "tail-events",
  "figures",
  "sign-out",
];

const MAX_PATH = 40;
const MAX_TITLE = 40;
const path = z
  .string()
  .max(MAX_PATH)
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/)
  .refine((value) => !OWN_PATHS.includes(value), {
    error: ({ input }) => `write another path: "${input}" is one of the console's own`,
  })
  .describe(`a path of small letters, digits and hyphens such as "orders", at most ${MAX_PATH} characters`);
const title = z
  .string()
  .min(1)
  .max(MAX_TITLE)
  .describe(`a title such as "Orders", at most ${MAX_TITLE} characters`);

/** @internal */
export const consolePages = z
  .array(
    z.strictObject({
      path,
      title,
      render: fn<ConsolePage["render"]>("({ html }) => html`<p>All is well.</p>`"),
      submit: fn<NonNullable<ConsolePage["submit"]>>('(request, form) => ({ goTo: "orders" })').optional(),
    }),
  )
  .refine((pages) => new Set(pages.map((page) => page.path)).size === pages.length, {
    error: "write a path of its own for each page",
  });
