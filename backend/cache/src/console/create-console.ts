// The console: from a request to the page it asks for, if whoever asks may see it.
// Tests: test/integration/console-access.test.ts, test/integration/console-app-pages.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Request, Response } from "express";
import { TenantCacheError } from "../errors.js";
import { Access } from "../operations/access.js";
import { CacheMonitor } from "../ops/cache-monitor.js";
import { refuseSurplus } from "../options/arguments.js";
import {
  type ConsoleHandler,
  type ConsoleOptions,
  type ParsedConsoleOptions,
  parseConsoleOptions,
  parseDecision,
} from "../options/console-options.js";
import { shown } from "../shown.js";
import type { TenantCache } from "../tenant-cache.js";
import { urlParts } from "../url-parts.js";
import type { CacheWarmer } from "../warmer/cache-warmer.js";
import { advicePage } from "./advice-page.js";
import { alertsPage } from "./alerts-page.js";
import { isAsset, redirect, send, sendAsset, sendFile, sendText, setHeaders } from "./answers.js";
import { appPage } from "./app-page.js";
import { causesPage } from "./causes-page.js";
import { entriesPage } from "./entries-page.js";
import { createExplainPage } from "./explain-page.js";
import { isSameOrigin, isSigned, secretOf, sentSecret, sign } from "./forgery.js";
import { type Form, Refused, readForm } from "./form.js";
import { html } from "./html.js";
import { bareLayout, layout } from "./layout.js";
import { modulesPage } from "./modules-page.js";
import { figuresFor, overviewPage } from "./overview-page.js";
import type { Asked, Onward, Page, Shown, ShownFile } from "./page.js";
import { withSlash } from "./proxies.js";
import { createPurgePage } from "./purge-page.js";
import { Sources } from "./sources.js";
import { tailPage } from "./tail-page.js";
import { Tail } from "./tail-stream.js";
import { tenantsPage } from "./tenants-page.js";
import { warmPage } from "./warm-page.js";

const SIGN_OUT = "sign-out";

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`, `ETC_CONSOLE_AUTHORIZE`
 * @internal
 */
export function createConsole(
  cache: TenantCache,
  options: ConsoleOptions,
  surplus: readonly unknown[],
): ConsoleHandler {
  refuseSurplus("console", surplus, "one object: console({ authorize, monitor, warmer })");
  const console = new Console(cache, parseConsoleOptions(options));
  return (req, res, next) => {
    console.handle(req, res).catch((error: unknown) => {
      // Nothing more can be said of it to the browser.
      if (res.headersSent) res.destroy();
      next(error);
    });
  };
}

/** A request of somebody who may see something. */
interface Visit {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly access: Access;
  /** Those that this person may see, in their order. */
  readonly pages: readonly Page[];
  /** Whether the console's own are among them. */
  readonly isOperator: boolean;
}

/** With what its forms are signed with. */
interface FormVisit extends Visit {
  readonly token: string;
  readonly secret: string;
}

class Console {
  readonly #authorize: ConsoleOptions["authorize"];
  readonly #signOut: ConsoleOptions["signOut"];
  readonly #sources: Sources;
  readonly #tail: Tail;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #ownMonitor: CacheMonitor | undefined;

  constructor(cache: TenantCache, options: ParsedConsoleOptions) {
    const { authorize, monitor, warmer, explainAs, pages: pagesOfApp = [], signOut } = options;
    this.#authorize = authorize;
    this.#signOut = signOut;
    this.#ownMonitor = monitor === undefined ? new CacheMonitor(cache) : undefined;
    const watching = (monitor as CacheMonitor | undefined) ?? (this.#ownMonitor as CacheMonitor);
    this.#sources = new Sources(cache, watching, warmer as CacheWarmer | undefined);
    const { events } = this.#sources.engine;
    events.whenClosed(() => this.#ownMonitor?.stop());
    this.#tail = new Tail(events);
    const pages: readonly Page[] = [
      overviewPage,
      modulesPage,
      tenantsPage,
      advicePage,
      entriesPage,
      createExplainPage(explainAs),
      causesPage,
      createPurgePage(),
      warmPage,
      alertsPage,
      tailPage,
      ...pagesOfApp.map(appPage),
    ];
    this.#pages = new Map(pages.map((page) => [page.name, page]));
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    setHeaders(res);
    const { path, search } = urlParts(req.url ?? "/");
    const place = withSlash(req);
    if (place !== undefined) return redirect(res, `${place}${search}`);
    const name = path.slice(1);
    const visit = await this.#visitOf(req, res, name);
    if (!visit) return;
    const method = req.method === "HEAD" ? "GET" : (req.method ?? "GET");
    const query = new URLSearchParams(search);
    if (method === "GET" && isAsset(name)) return sendAsset(req, res, name, query.get("v"));
    if (this.#ownMonitor && visit.isOperator) await this.#begin(this.#ownMonitor);
    const secret = secretOf(req, res);
    const forms: FormVisit = { ...visit, secret, token: sign(secret, "token", visit.access.name) };
    const refusal = await this.#answer(forms, name, method, query);
    if (refusal) this.#refuse(forms, refusal);
  }

  /** @returns what is wrong, where it has not answered */
  async #answer(
    visit: FormVisit,
    name: string,
    method: string,
    query: URLSearchParams,
  ): Promise<Refused | undefined> {
    const { req, res, access, pages, secret, token } = visit;
    const page = this.#pages.get(name);
    const isStream = name === "figures" || name === "tail-events";
    const signOut = name === SIGN_OUT ? this.#signOut : undefined;
    if (!page && !isStream && !signOut && !isAsset(name)) return new Refused(404, "There is no such page.");
    const takes = page?.take ?? signOut;
    const allowed = [...(signOut ? [] : ["GET", "HEAD"]), ...(takes ? ["POST"] : [])];
    if (!allowed.includes(method)) {
      res.setHeader("Allow", allowed.join(", "));
      return new Refused(405, "That cannot be done here.");
    }
    if (signOut) return this.#leave(visit, signOut);
    if (!page) return visit.isOperator ? this.#stream(name, visit, query) : NOT_FOR_YOU;
    const [first] = pages;
    if (!pages.includes(page)) {
      // Where everybody arrives.
      if (name !== "" || !first) return NOT_FOR_YOU;
      redirect(res, first.name);
      return undefined;
    }
    const asked: Asked = { req: req as Request, access, query, sources: this.#sources, token, secret };
    const answer = method === "POST" ? await this.#take(page, asked) : await page.show(asked);
    if (answer instanceof Refused) return answer;
    if ("goTo" in answer) redirect(res, answer.goTo);
    else if ("file" in answer) sendFile(req, res, answer);
    else this.#show(visit, page, answer);
    return undefined;
  }

  /** Asked for every request, the assets among them; nothing is sent to who may not see it. */
  async #visitOf(req: IncomingMessage, res: ServerResponse, name: string): Promise<Visit | undefined> {
    const decision = parseDecision(await this.#authorize(req as Request));
    if (decision && "view" in decision) {
      const pages = this.#pagesFor(decision);
      if (pages.length > 0)
        return { req, res, access: new Access(decision), pages, isOperator: decision.view };
    }
    const isPage = this.#pages.has(name) && (req.method === "GET" || req.method === "HEAD");
    if (decision && "redirect" in decision && isPage) redirect(res, decision.redirect);
    else if (decision && "redirect" in decision)
      send(req, res, 401, bareLayout("Not logged in", "Log in, and try again."));
    else send(req, res, 403, bareLayout("Not allowed", "You may not see this console."));
    return undefined;
  }

  #pagesFor({ view, pages }: { readonly view: boolean; readonly pages: readonly string[] }): readonly Page[] {
    const all = [...this.#pages.values()];
    const unknown = pages.find((path) => !this.#pages.get(path)?.isOfApp);
    if (unknown !== undefined) {
      const known = all.filter((page) => page.isOfApp).map((page) => page.name);
      throw new TenantCacheError(
        "ETC_CONSOLE_ACCESS",
        `authorize of the console allows the page ${shown(unknown)}, which is none of the option pages (${known.join(", ") || "there are none"})`,
      );
    }
    return all.filter(({ name, isOfApp = false }) => (isOfApp ? pages.includes(name) : view));
  }

  async #begin(monitor: CacheMonitor): Promise<void> {
    monitor.start();
    if (this.#sources.history.latest === undefined) await monitor.sample();
  }

  async #take(page: Page, asked: Asked): Promise<Shown | ShownFile | Refused | Onward> {
    const form = await this.#formOf(asked.req, asked.access);
    if (form instanceof Refused) return form;
    return (await page.take?.(asked, form)) ?? new Refused(405, "That cannot be done here.");
  }

  /** The fields of a form that comes from the console itself, and was made for this person. */
  async #formOf(req: IncomingMessage, { name }: Access): Promise<Form | Refused> {
    const secret = sentSecret(req);
    if (!isSameOrigin(req) || secret === undefined)
      return new Refused(403, "This form was not sent from the console. Open the page again.");
    const form = await readForm(req);
    if (form instanceof Refused) return form;
    if (isSigned(form.get("token"), secret, "token", name)) return form;
    return new Refused(403, "This form was made for somebody else. Open the page again.");
  }

  async #leave(
    { req, res, access }: FormVisit,
    signOut: NonNullable<ConsoleOptions["signOut"]>,
  ): Promise<Refused | undefined> {
    const form = await this.#formOf(req, access);
    if (form instanceof Refused) return form;
    const place: unknown = await signOut(req as Request, res as Response);
    if (typeof place !== "string")
      throw new TenantCacheError(
        "ETC_CONSOLE_PAGE",
        `signOut of the console returned ${shown(place)}: return the URL where the browser goes on, such as "../login"`,
      );
    redirect(res, place);
    return undefined;
  }

  #stream(name: string, { req, res, access }: Visit, query: URLSearchParams): Refused | undefined {
    if (name === "figures") {
      const figures = figuresFor(access, this.#sources, query.has("history"));
      sendText(req, res, 200, "application/json; charset=utf-8", JSON.stringify(figures));
    } else if (req.method === "HEAD") {
      res.end();
    } else if (this.#tail.isFull) {
      return new Refused(503, "Too many follow the tail already.", 10);
    } else this.#tail.stream(res, access, query);
    return undefined;
  }

  #refuse(visit: FormVisit, { status, message, retryAfterSeconds }: Refused): void {
    if (retryAfterSeconds !== undefined) visit.res.setHeader("Retry-After", retryAfterSeconds);
    const content = html`<p role="alert" class="warning">${message}</p>`;
    this.#show(visit, { title: TITLES[status] ?? "Not done" }, { content, status });
  }

  #show(
    { req, res, access, pages, token }: FormVisit,
    { title, name: current }: { readonly title: string; readonly name?: string },
    { content, status = 200 }: Shown,
  ): void {
    const seen = pages.filter(({ isFor }) => isFor === undefined || isFor(access, this.#sources));
    const frame = { title, access, pages: seen, current, signOutToken: this.#signOut && token };
    send(req, res, status, layout(frame, content));
  }
}

const NOT_FOR_YOU = new Refused(403, "You may not see this page.");

const TITLES: Readonly<Record<number, string>> = {
  403: "Not allowed",
  404: "Not found",
  409: "Begin anew",
  429: "Too often",
};
