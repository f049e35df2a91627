// An app with a console, for tests: who asks is told by a header, or by a cookie for browsers.
import type express from "express";
import type { Express } from "express";
import helmet from "helmet";
import {
  CacheMonitor,
  CacheWarmer,
  type ConsoleDecision,
  type ConsoleOptions,
  type TenantCache,
  type TenantCacheOptions,
} from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { type Answer, type HttpApp, serve } from "./http-app.js";

export const PEOPLE = {
  superadmin: { view: true, tenants: "all", purge: true, warm: true, name: "sue" },
  admin: { view: true, tenants: ["acme"], purge: true, warm: true, name: "ada" },
  viewer: { view: true, tenants: ["acme"], name: "vic" },
} as const satisfies Record<string, ConsoleDecision>;

export type Person = keyof typeof PEOPLE;

export const isPerson = (name: unknown): name is Person => typeof name === "string" && name in PEOPLE;

/** Pages that a GET shows. */
export const PAGES = [
  "",
  "modules",
  "tenants",
  "entries",
  "explain",
  "causes",
  "purge",
  "warm",
  "alerts",
  "tail",
];

/** Those that sum over tenants: for whoever sees all of them. */
export const PAGES_OF_ALL = ["advice", "modules?module=accounts"];

export interface ConsoleWorld extends HttpApp {
  readonly monitor: CacheMonitor;
  readonly warmer: CacheWarmer;
  /** A GET as a person. */
  get(person: Person, page: string, headers?: Record<string, string>): Promise<Answer>;
  /** A browser that has a page of the console open. */
  browser(person: Person, page: string): Promise<Browser>;
  /** A form, as a browser would send it from the console's own page. */
  post(person: Person, page: string, fields: Fields): Promise<Answer>;
  /** Both steps, in one browser: `answer` is that of the second, or of the dry run where that is refused. */
  purge(person: Person, fields: Fields, change?: Fields): Promise<Purged>;
}

export type Fields = Readonly<Record<string, string>>;

export interface Browser {
  readonly token: string;
  /**
   * A form to the page; fields, or a whole body. Headers are those of a browser, but for what is given; `undefined`
   * leaves one out.
   */
  send(form: Fields | string, headers?: Readonly<Record<string, string | undefined>>): Promise<Answer>;
}

export interface Purged {
  readonly dryRun: Answer;
  readonly planned: Fields;
  readonly answer: Answer;
  readonly send: Browser["send"];
}

export interface WorldOptions extends Partial<ConsoleOptions> {
  readonly path?: string;
  readonly more?: (app: Express) => void;
}

export interface OpenedConsole extends ConsoleWorld {
  readonly cache: TenantCache;
}

/**
 * A world with a cache of its own, which is closed with it.
 *
 * @param ofWorld where they need the cache
 */
export async function openConsole(
  store: StoreName = "memory",
  options: Partial<TenantCacheOptions> = {},
  ofWorld: (cache: TenantCache) => WorldOptions = () => ({}),
): Promise<OpenedConsole> {
  const cache = await openCache(store, options);
  const world = await consoleWorld(cache, ofWorld(cache));
  return {
    ...world,
    cache,
    close: async () => {
      await world.close();
      await cache.close();
    },
  };
}

/** Lists of accounts and leads, each for the tenant of the header `x-tenant`, and the console below `/ops/cache`. */
export async function consoleWorld(cache: TenantCache, options: WorldOptions = {}): Promise<ConsoleWorld> {
  const { path = "/ops/cache", more, ...ofConsole } = options;
  const monitor = new CacheMonitor(cache);
  const warmer = new CacheWarmer(cache).register("accounts", {
    tenants: () => ["acme", "globex"],
    entries: (tenant) => [
      () => cache.manager.tenant(tenant).getOrSet("accounts:warm", () => "warm", { ttlSeconds: 60 }),
    ],
  });
  const http = await serve((app) => {
    app.set("trust proxy", "loopback");
    app.use(helmet());
    more?.(app);
    app.use(
      path,
      cache.console({
        monitor,
        warmer,
        authorize: (req) => {
          const [, person] = /(?:^|; )person=(\w+)/.exec(req.get("cookie") ?? "") ?? [];
          const who = req.get("x-person") ?? person;
          return isPerson(who) && PEOPLE[who];
        },
        ...ofConsole,
      }),
    );
    for (const module of ["accounts", "leads"]) {
      app.get(`/${module}`, cache.cacheList(module, 600), (_req, res) => {
        res.json({ secret: `body of ${module}` });
      });
      app.post(`/${module}`, cache.invalidateCache(module), (_req, res) => {
        res.status(201).json({});
      });
    }
    app.use(((error, _req, res, _next) => {
      res.status(500).json({ code: error.code ?? String(error) });
    }) as express.ErrorRequestHandler);
  });
  const send = (person: Person, page: string, init: RequestInit) =>
    http.request(`${path}/${page}`, {
      ...init,
      tenant: "",
      headers: { "x-person": person, ...(init.headers as Record<string, string>) },
    });
  const browser = async (person: Person, page: string): Promise<Browser> => {
    const { cookie, token } = formOf(await send(person, page, {}));
    return {
      token,
      send: (form, headers = {}) =>
        send(person, page, {
          method: "POST",
          body: typeof form === "string" ? form : new URLSearchParams(form),
          headers: given({ cookie, origin: http.url, ...headers }),
        }),
    };
  };
  return {
    ...http,
    monitor,
    warmer,
    get: (person, page, headers = {}) => send(person, page, { headers }),
    browser,
    async post(person, page, fields) {
      const { token, send: sendForm } = await browser(person, page);
      return sendForm({ token, ...fields });
    },
    async purge(person, fields, change = {}) {
      const { token, send: sendForm } = await browser(person, "purge");
      const dryRun = await sendForm({ token, reason: "a wrong price", ...fields });
      const planned = fieldsOf(dryRun.body);
      const answer = dryRun.status === 200 ? await sendForm({ ...planned, ...change }) : dryRun;
      return { dryRun, planned, answer, send: sendForm };
    },
    async close() {
      monitor.stop();
      await http.close();
    },
  };
}

function given(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const there = Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return Object.fromEntries(there);
}

/** The cookie and the token that a page with a form brings. */
export function formOf({ headers, body }: Pick<Answer, "headers" | "body">): {
  readonly cookie: string;
  readonly token: string;
} {
  const [cookie = ""] = (headers.get("set-cookie") ?? "").split(";");
  const [, token = ""] = /name="token" value="([^"]*)"/.exec(body) ?? [];
  return { cookie, token };
}

/** The hidden fields of the form that a dry run answers with. */
export function fieldsOf(body: string): Record<string, string> {
  const found = [...body.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
  return Object.fromEntries(found.map(([, name = "", value = ""]) => [name, unescaped(value)]));
}

function unescaped(text: string): string {
  const marks: Record<string, string> = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&amp;": "&",
  };
  return text.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (mark) => marks[mark] ?? "");
}
