// The console: from a request to the page it asks for, if whoever asks may see it.
// Tests: test/integration/console-access.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Request } from "express";
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
import type { TenantCache } from "../tenant-cache.js";
import type { CacheWarmer } from "../warmer/cache-warmer.js";
import { advicePage } from "./advice-page.js";
import { alertsPage } from "./alerts-page.js";
import { ASSET_VERSION, CONSOLE_CSS, CONSOLE_JS } from "./assets.js";
import { causesPage } from "./causes-page.js";
import { entriesPage } from "./entries-page.js";
import { createExplainPage } from "./explain-page.js";
import { isSameOrigin, isSigned, secretOf, sentSecret, sign } from "./forgery.js";
import { Refused, readForm } from "./form.js";
import { type Html, html } from "./html.js";
import { bareLayout, layout } from "./layout.js";
import { modulesPage } from "./modules-page.js";
import { figuresFor, overviewPage } from "./overview-page.js";
import type { Asked, Onward, Page, Shown } from "./page.js";
import { pathOf, withSlash } from "./proxies.js";
import { createPurgePage } from "./purge-page.js";
import { Sources } from "./sources.js";
import { tailPage } from "./tail-page.js";
import { Tail } from "./tail-stream.js";
import { tenantsPage } from "./tenants-page.js";
import { warmPage } from "./warm-page.js";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Without one, browsers ask the app for its `/favicon.ico`. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0969da"/><path d="M3 5h10M3 8h7M3 11h4" stroke="#fff" stroke-width="2"/></svg>';

const ASSETS: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "console.css": ["text/css; charset=utf-8", CONSOLE_CSS],
  "console.svg": ["image/svg+xml", ICON],
  "console.js": ["text/javascript; charset=utf-8", CONSOLE_JS],
};

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

class Console {
  readonly #authorize: ConsoleOptions["authorize"];
  readonly #sources: Sources;
  readonly #tail: Tail;
  readonly #pages: ReadonlyMap<string, Page>;
  readonly #ownMonitor: CacheMonitor | undefined;

  constructor(cache: TenantCache, { authorize, monitor, warmer, explainAs }: ParsedConsoleOptions) {
    this.#authorize = authorize;
    this.#ownMonitor = monitor === undefined ? new CacheMonitor(cache) : undefined;
    const watching = (monitor as CacheMonitor | undefined) ?? (this.#ownMonitor as CacheMonitor);
    this.#sources = new Sources(cache, watching, warmer as CacheWarmer | undefined);
    const { events } = this.#sources.engine;
    events.whenClosed(() => this.#ownMonitor?.stop());
    this.#tail = new Tail(events);
    const pages = [
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
    ];
    this.#pages = new Map(pages.map((page) => [page.name, page]));
  }

  async handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    setHeaders(res);
    const place = withSlash(req);
    if (place !== undefined) return redirect(res, `${place}${queryOf(req)}`);
    const name = pathOf(req).slice(1);
    const access = await this.#accessOf(req, res, name);
    if (!access) return;
    if (this.#ownMonitor) await this.#begin(this.#ownMonitor);
    const method = req.method === "HEAD" ? "GET" : (req.method ?? "GET");
    const page = this.#pages.get(name);
    const isOther = Object.hasOwn(ASSETS, name) || name === "figures" || name === "tail-events";
    const refused = (refusal: Refused) => this.#refuse(req, res, access, refusal);
    if (!page && !isOther) return refused(new Refused(404, "There is no such page."));
    if (method !== "GET" && !(method === "POST" && page?.take)) {
      res.setHeader("Allow", page?.take ? "GET, HEAD, POST" : "GET, HEAD");
      return refused(new Refused(405, "That cannot be done here."));
    }
    const query = new URLSearchParams(queryOf(req));
    if (!page) return this.#other(name, { req, res, access, query });
    const secret = secretOf(req, res);
    const token = sign(secret, "token", access.name);
    const asked: Asked = { req: req as Request, access, query, sources: this.#sources, token, secret };
    const shown = method === "POST" ? await this.#take(req, page, asked) : await page.show(asked);
    if (shown instanceof Refused) return refused(shown);
    if ("goTo" in shown) return redirect(res, shown.goTo);
    this.#show(req, res, { title: page.title, access, current: page.name }, shown);
  }

  /** Asked for every request, the assets among them; nothing is sent to who may not see it. */
  async #accessOf(req: IncomingMessage, res: ServerResponse, name: string): Promise<Access | undefined> {
    const decision = parseDecision(await this.#authorize(req as Request));
    if (decision && "view" in decision && decision.view) return new Access(decision);
    const isPage = this.#pages.has(name) && (req.method === "GET" || req.method === "HEAD");
    if (decision && "redirect" in decision && isPage) redirect(res, decision.redirect);
    else if (decision && "redirect" in decision)
      send(req, res, 401, bareLayout("Not logged in", "Log in, and try again."));
    else send(req, res, 403, bareLayout("Not allowed", "You may not see this console."));
    return undefined;
  }

  async #begin(monitor: CacheMonitor): Promise<void> {
    monitor.start();
    if (this.#sources.history.latest === undefined) await monitor.sample();
  }

  async #take(req: IncomingMessage, page: Page, asked: Asked): Promise<Shown | Refused | Onward> {
    const secret = sentSecret(req);
    if (!isSameOrigin(req) || secret === undefined)
      return new Refused(403, "This form was not sent from the console. Open the page again.");
    const form = await readForm(req);
    if (form instanceof Refused) return form;
    if (!isSigned(form.get("token"), secret, "token", asked.access.name))
      return new Refused(403, "This form was made for somebody else. Open the page again.");
    return (await page.take?.(asked, form)) ?? new Refused(405, "That cannot be done here.");
  }

  #other(
    name: string,
    {
      req,
      res,
      access,
      query,
    }: { req: IncomingMessage; res: ServerResponse; access: Access; query: URLSearchParams },
  ): void {
    const asset = ASSETS[name];
    if (asset) {
      const [type, text] = asset;
      if (query.get("v") === ASSET_VERSION)
        res.setHeader("Cache-Control", "private, max-age=31536000, immutable");
      sendText(req, res, 200, type, text);
    } else if (name === "figures") {
      const figures = figuresFor(access, this.#sources, query.has("history"));
      sendText(req, res, 200, "application/json; charset=utf-8", JSON.stringify(figures));
    } else if (req.method === "HEAD") {
      res.end();
    } else if (this.#tail.isFull) {
      this.#refuse(req, res, access, new Refused(503, "Too many follow the tail already.", 10));
    } else this.#tail.stream(res, access, query);
  }

  #refuse(req: IncomingMessage, res: ServerResponse, access: Access, refusal: Refused): void {
    const { status, message, retryAfterSeconds } = refusal;
    if (retryAfterSeconds !== undefined) res.setHeader("Retry-After", retryAfterSeconds);
    const content = html`<p role="alert" class="warning">${message}</p>`;
    this.#show(req, res, { title: TITLES[status] ?? "Not done", access }, { content, status });
  }

  #show(
    req: IncomingMessage,
    res: ServerResponse,
    frame: { readonly title: string; readonly access: Access; readonly current?: string },
    { content, status = 200 }: Shown,
  ): void {
    const pages = [...this.#pages.values()].filter(
      ({ isFor }) => isFor === undefined || isFor(frame.access, this.#sources),
    );
    send(req, res, status, layout({ ...frame, pages }, content));
  }
}

const TITLES: Readonly<Record<number, string>> = {
  403: "Not allowed",
  404: "Not found",
  409: "Begin anew",
  429: "Too often",
};

/** In place of what helmet has set in front: this is stricter, and its forms need an `Origin`. */
function setHeaders(res: ServerResponse): void {
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Security-Policy", POLICY);
  res.setHeader("X-Content-Type-Options", "nosniff");
  res.setHeader("X-Frame-Options", "DENY");
  res.setHeader("Referrer-Policy", "same-origin");
  res.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  res.setHeader("Cross-Origin-Resource-Policy", "same-origin");
}

function queryOf({ url = "" }: IncomingMessage): string {
  const start = url.indexOf("?");
  return start === -1 ? "" : url.slice(start);
}

function redirect(res: ServerResponse, location: string): void {
  res.statusCode = 303;
  res.setHeader("Location", location);
  res.end();
}

function send(req: IncomingMessage, res: ServerResponse, status: number, page: Html): void {
  sendText(req, res, status, "text/html; charset=utf-8", page.text);
}

function sendText(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  type: string,
  text: string,
): void {
  res.statusCode = status;
  res.setHeader("Content-Type", type);
  res.setHeader("Content-Length", Buffer.byteLength(text));
  res.end(req.method === "HEAD" ? undefined : text);
}
