// No request of a client ends in a 500: every route, with every kind of value that nobody means in every place of it.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { pino } from "pino";
import { Pool } from "undici";
import { MODULES } from "../../modules/index.js";
import { sharedRedisUrl } from "../../servers/index.js";
import { SERVICES } from "../../services/index.js";
import { issueToken } from "../../services/tokens.js";
import { authDependencies } from "../support/auth-crm.js";
import { type Crm, SECRET, startCrm, TENANT_A } from "../support/crm.js";
import {
  createFieldService,
  type FieldService,
  scheduleDocument,
  taskDocument,
  userDocument,
} from "../support/field-service-tenant.js";
import { HOSTILE_JSON, HOSTILE_QUERY, HOSTILE_SEGMENTS } from "../support/hostile-values.js";
import { SAMPLE_MODULES } from "../support/records.js";

const AT_A_TIME = 8;

interface Sent {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "HEAD";
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Sent as it is. */
  readonly bytes?: string;
}

describe("hostile requests", () => {
  let crm: Crm;
  let field: FieldService;
  let pool: Pool;
  let token: string;
  let closeState: () => void;
  /** What the app has found worth a warning or an error. */
  const logged: string[] = [];

  beforeAll(async () => {
    const own = await authDependencies(await sharedRedisUrl(), `hostile-${process.pid}:`);
    closeState = () => own.state.redis.disconnect();
    const logger = pino({ level: "warn" }, { write: (line) => logged.push(line) });
    crm = await startCrm("memory", { ...own.overrides, logger });
    field = await createFieldService(await crm.client("admin", TENANT_A));
    token = await crm.token("superadmin", TENANT_A);
    pool = new Pool(crm.url, { connections: AT_A_TIME });
  });

  afterAll(async () => {
    await pool?.close();
    await crm?.close();
    closeState?.();
  });

  async function statusOf({ method = "GET", path, headers, body, bytes }: Sent): Promise<number> {
    const content = bytes ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await pool.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${token}`,
        ...(content !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
    });
    await response.body.dump();
    return response.statusCode;
  }

  /** Sends them all, and fails with those that were answered 5xx, or refused by nobody before the database did. */
  async function noneFails(requests: readonly Sent[]): Promise<void> {
    const failed: unknown[] = [];
    const left = requests[Symbol.iterator]();
    const send = async () => {
      for (const request of left) {
        const status = await statusOf(request);
        if (status >= 500) failed.push({ status, ...request });
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, send));
    assert.deepEqual(failed.slice(0, 10), [], `${failed.length} of ${requests.length}`);
    assert.deepEqual(logged.splice(0).slice(0, 3), []);
  }

  /** Bodies that are right, by path. */
  const documents = (): Map<string, Record<string, unknown>> =>
    new Map([
      ...SAMPLE_MODULES.map(({ name, document }) => [`/api/${name}`, document(1)] as const),
      ["/api/users", userDocument("Ina Frey")],
      ["/api/schedules", scheduleDocument(field.technicians[0])],
      ["/api/tasks", taskDocument(field.order)],
    ]);

  const fieldsOf = (path: string): string[] => {
    const all = [...MODULES, ...SERVICES.flatMap(({ records }) => records?.module ?? [])];
    return Object.keys(all.find(({ name }) => `/api/${name}` === path)?.document.shape ?? {});
  };

  test("any value in the place of any field of a record", async () => {
    for (const [path, document] of documents()) {
      const fields = fieldsOf(path);
      assert.ok(fields.length > 0, path);
      await noneFails(
        fields.flatMap((name) =>
          HOSTILE_JSON.map((value): Sent => ({ method: "POST", path, body: { ...document, [name]: value } })),
        ),
      );
    }
  });

  test("any value in the place of any parameter of a list or count", async () => {
    for (const { name, filters } of MODULES) {
      // Filters are the same in both; the count has no more.
      const parameters = { "/count": [...Object.keys(filters), "q"], "": ["sort", "limit", "offset", "%00"] };
      await noneFails(
        Object.entries(parameters).flatMap(([path, names]) =>
          names.flatMap((parameter) =>
            HOSTILE_QUERY.map((value): Sent => ({ path: `/api/${name}${path}?${parameter}=${value}` })),
          ),
        ),
      );
    }
    const others = ["/api/contacts/search?q", "/api/users?tenant_id", "/api/system/cache-stats?tenant_id"];
    await noneFails(others.flatMap((path) => HOSTILE_QUERY.map((value) => ({ path: `${path}=${value}` }))));
  });

  test("any segment in the place of any parameter of a path, by any method", async () => {
    const templates = [
      ...MODULES.map(({ name }) => `/${name}/:id`),
      "/documents/:id/content",
      "/leads/:id/convert",
      "/bizdevsources/:id/promote",
      "/credits/:userId/:type/add",
      "/credits/:userId/:type/deduct",
      ...SERVICES.flatMap(({ views }) => views.map(({ path }) => path)),
      ...SERVICES.flatMap(({ records }) => (records ? [`/${records.module.name}/:id`] : [])),
      "/:unknown",
    ];
    const methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"] as const;
    const [technician] = field.technicians;
    const requests = templates.flatMap((template) => {
      const names = template.match(/:\w+/g) ?? [];
      return names.flatMap((name) =>
        HOSTILE_SEGMENTS.flatMap((segment) => {
          const path = template.replace(name, () => segment).replace(/:\w+/g, technician);
          return methods.map((method): Sent => ({ method, path: `/api${path}` }));
        }),
      );
    });
    await noneFails(requests);
  });

  test("any body of a login, a refresh, a logout, a conversion, credits or a warming", async () => {
    const [technician] = field.technicians;
    const credentials = { tenant_id: TENANT_A, email: "a@b.example", password: "x" };
    const bodies: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
      ["/api/auth/login", credentials],
      ["/api/auth/refresh", { refresh_token: "x" }],
      ["/api/auth/logout", { everywhere: false }],
      [`/api/leads/${technician}/convert`, { account: "", opportunity: "" }],
      [`/api/bizdevsources/${technician}/promote`, { type: "" }],
      [`/api/credits/${technician}/sms/add`, { amount: 1 }],
      [`/api/credits/${technician}/sms/deduct`, { amount: 1 }],
      ["/api/cache/warm", { plans: [] }],
    ];
    await noneFails(
      bodies.flatMap(([path, body]) =>
        Object.keys(body).flatMap((name) =>
          HOSTILE_JSON.map((value): Sent => ({ method: "POST", path, body: { ...body, [name]: value } })),
        ),
      ),
    );
    // And where nothing was there to be changed: a tenant that does not exist.
    const nowhere = "?tenant_id=00000000-0000-4000-8000-000000000000";
    const requests = [...documents()].map(
      ([path, body]): Sent => ({ method: "POST", path: `${path}${nowhere}`, body }),
    );
    await noneFails(requests.filter(({ path }) => !/tasks|schedules/.test(path)));
  });

  test("bodies that are none", async () => {
    const deep = (open: string, close: string) => `${open.repeat(20_000)}${close.repeat(20_000)}`;
    const texts = ["", " ", "{", "null", "[]", "1", '"x"', '{"a":1,"a":2}', "\0", deep("[", "]")];
    const paths = [...documents().keys(), "/api/auth/login", "/api/cache/warm"];
    const types = [
      "application/json",
      "application/json; charset=utf-16",
      "application/json; charset=x",
      "x",
    ];
    await noneFails(
      paths.flatMap((path) =>
        [...texts, deep('{"a":', "}").replace("}", "1}")].flatMap((bytes) =>
          types.map((type): Sent => ({ method: "POST", path, bytes, headers: { "content-type": type } })),
        ),
      ),
    );
    const codings = ["gzip", "br", "deflate", "zstd", "x", "gzip, gzip"];
    await noneFails(
      codings.map((coding) => ({
        method: "POST",
        path: "/api/accounts",
        bytes: "not compressed",
        headers: { "content-encoding": coding },
      })),
    );
  });

  test("header fields of any value", async () => {
    const names = [
      "accept",
      "accept-encoding",
      "authorization",
      "cache-control",
      "content-type",
      "cookie",
      "host",
      "if-match",
      "if-modified-since",
      "if-none-match",
      "if-range",
      "origin",
      "pragma",
      "range",
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-proto",
      "x-request-id",
      "x-http-method-override",
    ];
    const values = [
      "",
      " ",
      ",",
      '"',
      "*",
      "\u00ff",
      "1e300",
      "bytes=-",
      "W/",
      "x".repeat(4000),
      "a:b:c",
      "::1",
      "%00",
    ];
    const paths = ["/api/accounts", `/api/users/${field.dispatcher}`, "/health", "/api/nothing"];
    await noneFails(
      paths.flatMap((path) =>
        names.flatMap((name) => values.map((value): Sent => ({ path, headers: { [name]: value } }))),
      ),
    );
  });

  test("tokens with any claim or header are accepted or refused, and never an error of the server", async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { sub: "s", role: "viewer", tenant_id: TENANT_A, exp: now + 60, jti: "j" };
    const names = [...Object.keys(claims), "iat", "nbf", "iss", "aud", "typ"];
    const headers = ["alg", "typ", "kid", "crit", "b64", "jwk", "x5c", "zip"];
    const numbers = [...HOSTILE_JSON, 8_640_000_000_000, 8_640_000_000_001, now + 0.5];
    const tokens = [
      ...names.flatMap((name) => numbers.map((value) => signed({}, { ...claims, [name]: value }))),
      ...headers.flatMap((name) => HOSTILE_JSON.map((value) => signed({ [name]: value }, claims))),
      ...HOSTILE_JSON.map((value) => signed({}, value)),
    ];
    const credits = `/api/credits/${field.dispatcher}/sms/deduct`;
    for (const request of [
      { method: "GET", path: "/api/accounts" },
      { method: "POST", path: credits, body: { amount: 1 } },
      { method: "GET", path: "/api/auth/sessions" },
      { method: "POST", path: "/api/auth/logout", body: { everywhere: true } },
    ] as const)
      await noneFails(tokens.map((each) => ({ ...request, headers: { authorization: `Bearer ${each}` } })));
  });

  test("tokens of another type are refused", async () => {
    const claims = { sub: "s", role: "viewer", tenant_id: TENANT_A, exp: Date.now() };
    const statusWith = (typ: unknown) =>
      statusOf({ path: "/api/accounts", headers: { authorization: `Bearer ${signed({ typ }, claims)}` } });
    for (const typ of ["JWT", "jwt", "at+jwt", "application/at+jwt", undefined])
      assert.equal(await statusWith(typ), 200, String(typ));
    for (const typ of ["refresh+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", 1, "JWTs"])
      assert.equal(await statusWith(typ), 401, String(typ));
    assert.ok(await issueToken({ secret: SECRET, subject: "s", role: "viewer", tenantId: TENANT_A }));
  });
});

/** A token with whatever header and payload, rightly signed. */
function signed(header: object, payload: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", ...header })}.${part(payload)}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}
