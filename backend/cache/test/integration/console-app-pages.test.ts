// Pages of the app's own in the console, and its sign-out: who sees them, what they may answer, forged forms, wrong options.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { ConsoleAnswer, ConsoleOptions, ConsolePage, TenantCache } from "../../src/index.js";
import { OWN_PATHS } from "../../src/options/console-pages.js";
import {
  formOf,
  type OpenedConsole,
  openConsole,
  PAGES,
  PEOPLE,
  type Person,
} from "../support/console-world.js";

const DECISIONS = {
  superadmin: { ...PEOPLE.superadmin, pages: ["orders"] },
  admin: PEOPLE.admin,
  // Sees one page of the app, and nothing of the console's own.
  viewer: { view: false, tenants: ["acme"], pages: ["orders"], name: "vic" },
} as const;
const whoOf = (req: { get(name: string): string | undefined }) => DECISIONS[req.get("x-person") as Person];

describe("pages of the app in the console", () => {
  let world: OpenedConsole;
  let cache: TenantCache;
  let answer: unknown;
  let signedOut: string[] = [];
  const shipped: string[] = [];

  const orders: ConsolePage = {
    path: "orders",
    title: "Orders",
    render: ({ html, table, link, time, duration, person, query, token }) => {
      if (answer !== undefined) return answer as ConsoleAnswer;
      return html`<p>For ${person.name}, of ${[person.tenants].flat().join()}: ${query.get("q")}</p>
${table("Orders", ["id"], [html`<tr><td>${time(0)}, ${duration(90)}, <a href="${link("orders", { q: "a&b", none: undefined })}">7</a></td></tr>`], "None.")}
<form method="post" action="orders">${token}<button>Ship</button></form>`;
    },
    submit: ({ person }, form) => {
      shipped.push(`${form.get("id")} by ${person.name}`);
      return { goTo: "orders?shipped=7" };
    },
  };

  beforeAll(async () => {
    world = await openConsole("memory", {}, () => ({
      authorize: (req) => whoOf(req),
      pages: [orders, { path: "stock", title: "Stock", render: ({ html }) => html`<p>Stock</p>` }],
      signOut: (req) => {
        signedOut.push(String(whoOf(req).name));
        return "../login";
      },
    }));
    ({ cache } = world);
  });
  afterAll(() => world.close());
  beforeEach(() => {
    answer = undefined;
    signedOut = [];
  });

  test("a page stands in the console's frame, under its policy, and what is put in is escaped", async () => {
    const { status, body, headers } = await world.get("superadmin", "orders?q=%3Cscript%3E");
    assert.equal(status, 200);
    assert.match(body, /<h1>Orders<\/h1>/);
    assert.match(body, /<a href="orders" aria-current="page">Orders<\/a>/);
    assert.match(body, /For sue, of all: &lt;script&gt;<\/p>/);
    assert.match(body, /<time datetime="1970-01-01T00:00:00.000Z">1970-01-01 00:00:00Z<\/time>, 90 s, /);
    assert.match(body, /<a href="orders\?q=a%26b">7<\/a>/);
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'; script-src 'self'/);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.doesNotMatch(body, /Stock/);
  });

  test("who sees that page alone arrives there, and gets nothing of the console's own", async () => {
    const arrived = await world.get("viewer", "");
    assert.deepEqual([arrived.status, arrived.headers.get("location")], [303, "orders"]);
    const page = await world.get("viewer", "orders");
    assert.match(page.body, /For vic, of acme/);
    const links = [...page.body.matchAll(/<li><a href="([^"]*)"/g)].map(([, href]) => href);
    assert.deepEqual(links, ["orders"]);
    assert.equal((await world.get("viewer", "console.css")).status, 200);
    for (const name of [...PAGES.filter((each) => each !== ""), "figures", "tail-events", "stock"]) {
      const { status, body } = await world.get("viewer", name);
      assert.equal(status, 403, name);
      assert.doesNotMatch(body, /hitRatio|<table|EventSource/, name);
    }
  });

  test("without `pages` from authorize none of them is seen", async () => {
    assert.equal((await world.get("admin", "")).status, 200);
    for (const name of ["orders", "stock"]) assert.equal((await world.get("admin", name)).status, 403, name);
    assert.doesNotMatch((await world.get("admin", "")).body, /Orders|Stock/);
  });

  test("a form does what it says, and a forged one does not", async () => {
    const { token, send } = await world.browser("viewer", "orders");
    const done = await send({ token, id: "7" });
    assert.deepEqual([done.status, done.headers.get("location")], [303, "orders?shipped=7"]);
    assert.deepEqual(shipped, ["7 by vic"]);
    assert.equal((await send({ token, id: "8" }, { origin: "https://evil.example" })).status, 403);
    assert.equal((await send({ token: `${token}A`, id: "8" })).status, 403);
    assert.equal((await send({ token, id: "8" }, { cookie: undefined })).status, 403);
    // Made for somebody else.
    assert.equal((await send({ token, id: "8" }, { "x-person": "superadmin" })).status, 403);
    assert.deepEqual(shipped, ["7 by vic"]);
    const put = await world.request("/ops/cache/stock", {
      method: "POST",
      headers: { "x-person": "superadmin" },
    });
    assert.deepEqual([put.status, put.headers.get("allow")], [405, "GET, HEAD"]);
  });

  test("a page may answer with a status, with another page, and with a file", async () => {
    answer = { goTo: "orders?page=2" };
    assert.equal((await world.get("viewer", "orders")).headers.get("location"), "orders?page=2");
    answer = { file: "orders.csv", type: "text/csv; charset=utf-8", text: "id\n7\n" };
    const file = await world.get("viewer", "orders");
    assert.deepEqual(
      [file.body, file.headers.get("content-type"), file.headers.get("content-disposition")],
      ["id\n7\n", "text/csv; charset=utf-8", 'attachment; filename="orders.csv"'],
    );
    const missing = await openConsole("memory", {}, () => ({
      authorize: (req) => whoOf(req),
      pages: [{ ...orders, render: ({ html }) => ({ content: html`<p>No such order.</p>`, status: 404 }) }],
    }));
    closeAfterTest(missing);
    const { status, body } = await missing.get("viewer", "orders");
    assert.deepEqual([status, /No such order/.test(body)], [404, true]);
  });

  test.each<[string, unknown]>([
    ["a text, which nobody has escaped", "<p>7</p>"],
    ["what looks like markup", { text: "<p>7</p>" }],
    ["content that is a text", { content: "<p>7</p>" }],
    ["another host", { goTo: "//evil.example" }],
    ["another path", { goTo: "../admin" }],
    ["a URL", { goTo: "https://evil.example" }],
    ["a file whose name breaks the header", { file: 'a".html', type: "text/html", text: "" }],
    ["a type that breaks the header", { file: "a.csv", type: "text/csv\r\nx: y", text: "" }],
    ["null", null],
  ])("a page that answers %s is refused, and nothing is shown", async (_name, given) => {
    answer = given;
    const { status, body } = await world.get("viewer", "orders");
    assert.deepEqual([status, JSON.parse(body)], [500, { code: "ETC_CONSOLE_PAGE" }]);
  });

  test.each<[string, unknown, RegExp]>([
    ["one of the console's own paths", { ...orders, path: "purge" }, /another path: "purge"/],
    ["a path with a slash", { ...orders, path: "a/b" }, /small letters, digits and hyphens/],
    ["an empty title", { ...orders, title: "" }, /a title such as "Orders"/],
    ["no render", { path: "a", title: "A" }, /render/],
    ["more than is known", { ...orders, roles: ["admin"] }, /roles/],
  ])("the option refuses %s, and says what to write", (_name, page, told) => {
    const pages = [page] as ConsolePage[];
    assert.throws(() => cache.console({ authorize: () => false, pages }), {
      code: "ETC_OPTIONS",
      message: told,
    });
  });

  test("two pages of one path, and a sign-out that is no function, are refused", () => {
    for (const more of [{ pages: [orders, orders] }, { signOut: "/login" }])
      assert.throws(() => cache.console({ authorize: () => false, ...more } as unknown as ConsoleOptions), {
        code: "ETC_OPTIONS",
      });
  });

  test("the paths that are refused are those that the console answers at", async () => {
    for (const path of OWN_PATHS) {
      const head = path === "sign-out" ? 405 : 200;
      const { status } = await world.request(`/ops/cache/${path}`, {
        method: "HEAD",
        headers: { "x-person": "superadmin" },
      });
      assert.equal(status, head, path);
    }
    const { body } = await world.get("superadmin", "");
    const links = [...body.matchAll(/<li><a href="([^"]*)"/g)].map(([, href]) => href);
    for (const href of links)
      assert.ok(href === "./" || href === "orders" || OWN_PATHS.includes(String(href)), href);
  });

  test("authorize that allows a page which there is not, is refused", async () => {
    const mistaken = await openConsole("memory", {}, () => ({
      authorize: () => ({ view: true, tenants: "all" as const, pages: ["modules"] }),
      pages: [orders],
    }));
    closeAfterTest(mistaken);
    const { status, body } = await mistaken.get("superadmin", "");
    assert.deepEqual([status, JSON.parse(body)], [500, { code: "ETC_CONSOLE_ACCESS" }]);
  });

  test("signing out: a button on every page, by POST alone, and not by another site", async () => {
    for (const page of ["", "orders", "nothing"])
      assert.match(
        (await world.get("superadmin", page)).body,
        /<form method="post" action="sign-out" class="sign-out">.*<button>Sign out<\/button>/,
        page,
      );
    const { cookie, token } = formOf(await world.get("viewer", "orders"));
    const leave = (headers: Record<string, string>, form: Record<string, string>) =>
      world.request("/ops/cache/sign-out", {
        method: "POST",
        tenant: "",
        body: new URLSearchParams(form),
        headers: { "x-person": "viewer", cookie, ...headers },
      });
    assert.equal((await world.get("viewer", "sign-out")).status, 405);
    assert.equal((await leave({ origin: "https://evil.example" }, { token })).status, 403);
    assert.equal((await leave({ origin: world.url }, { token: "x" })).status, 403);
    assert.deepEqual(signedOut, []);
    const done = await leave({ origin: world.url }, { token });
    assert.deepEqual([done.status, done.headers.get("location")], [303, "../login"]);
    assert.deepEqual(signedOut, ["vic"]);
  });

  test("a sign-out that returns no URL is told so", async () => {
    const mistaken = await openConsole("memory", {}, () => ({
      authorize: (req) => whoOf(req),
      pages: [orders],
      signOut: (() => undefined) as unknown as () => string,
    }));
    closeAfterTest(mistaken);
    const { cookie, token } = formOf(await mistaken.get("admin", ""));
    const { status, body } = await mistaken.request("/ops/cache/sign-out", {
      method: "POST",
      tenant: "",
      body: new URLSearchParams({ token }),
      headers: { "x-person": "admin", cookie, origin: mistaken.url },
    });
    assert.deepEqual([status, JSON.parse(body)], [500, { code: "ETC_CONSOLE_PAGE" }]);
  });

  test("without the option there is no button and no such page", async () => {
    const plain = await openConsole();
    closeAfterTest(plain);
    assert.doesNotMatch((await plain.get("admin", "")).body, /Sign out/);
    assert.equal((await plain.get("admin", "sign-out")).status, 404);
  });
});
