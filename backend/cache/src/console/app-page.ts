// A page of the app's own, as the console's pages are: what it is asked with, and what becomes of its answer.
// Tests: test/integration/console-app-pages.test.ts
import { TenantCacheError } from "../errors.js";
import type { ConsoleAnswer, ConsolePage, ConsolePageRequest } from "../options/console-pages.js";
import { shown } from "../shown.js";
import { Html, html, link } from "./html.js";
import { table, tokenField } from "./layout.js";
import type { Asked, Page, Shown, ShownFile } from "./page.js";
import { seconds, time } from "./quantities.js";

type Given = Omit<ConsolePage, "submit"> & { readonly submit?: ConsolePage["submit"] | undefined };

export function appPage({ path, title, render, submit }: Given): Page {
  return {
    name: path,
    title,
    isOfApp: true,
    show: async (asked) => answerOf(path, "render", await render(requestOf(asked))),
    ...(submit && {
      take: async (asked, form) => answerOf(path, "submit", await submit(requestOf(asked), form)),
    }),
  };
}

function requestOf({ req, access, query, token }: Asked): ConsolePageRequest {
  const { name, tenants } = access;
  return {
    req,
    person: { name, tenants: tenants === "all" ? tenants : [...tenants] },
    query,
    html,
    table,
    link,
    time: (at) => html`<time datetime="${new Date(at).toISOString()}">${time(at)}</time>`,
    duration: seconds,
    token: tokenField(token),
  };
}

/**
 * Markup is taken from the tag alone: a text would be markup that nobody has escaped.
 * @throws TenantCacheError `ETC_CONSOLE_PAGE`
 */
function answerOf(
  path: string,
  called: "render" | "submit",
  answer: ConsoleAnswer,
): Shown | ShownFile | { readonly goTo: string } {
  if (answer instanceof Html) return { content: answer };
  const given = Object(answer) as Readonly<Record<string, unknown>>;
  const { content, status = 200, goTo, file, type, text } = given;
  if (content instanceof Html && isStatus(status)) return { content, status };
  if (typeof goTo === "string" && PLACE.test(goTo)) return { goTo };
  if (typeof file === "string" && FILE.test(file) && typeof type === "string" && TYPE.test(type))
    if (typeof text === "string") return { file, type, text };
  throw new TenantCacheError(
    "ETC_CONSOLE_PAGE",
    `${called} of the console's page "${path}" returned ${shown(answer)}: return html\`…\` of its request, { content: html\`…\`, status: 404 }, { goTo: "${path}?late=1" }, or { file: "orders.csv", type: "text/csv", text }`,
  );
}

const isStatus = (status: unknown): status is number =>
  Number.isInteger(status) && Number(status) >= 200 && Number(status) <= 599;
/** Of the console, on one level: no other host, no other path. */
const PLACE = /^(?:\.\/|[a-z][a-z0-9-]*)(?:\?[\x21-\x7e]*)?$/;
const FILE = /^[\w][\w.-]{0,99}$/;
const TYPE = /^[\w.+-]+\/[\w.+-]+(?:; ?[\w.+-]+=[\w.+-]+)*$/;
