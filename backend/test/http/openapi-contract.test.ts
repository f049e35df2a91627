// The description is a contract: requests that are made from it are taken, those that contradict it are refused, and every answer is one that it has.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import fc from "fast-check";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { type AuthCrm, startAuthCrm } from "../support/auth-crm.js";
import { type Crm, type CrmClient, TENANT_A } from "../support/crm.js";
import { broken, type Schema, valuesOf } from "../support/generated-values.js";

interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  readonly path: string;
  readonly parameters: readonly Schema[];
  readonly body: Schema | undefined;
}

const RUNS = 8;
/** The same requests each time, but for ids. */
const SEED = 20_261_129;
/** Creations first, so that the rest has something to read; what ends changes of a record, or takes it away, is last. */
const ORDER = ["create", "get", "put", "post", "delete"];
/** What a record is called in a path or a field that is not called after its collection. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  companies: "accounts",
  companyId: "accounts",
  account_id: "accounts",
  contact_id: "contacts",
  lead_id: "leads",
  listId: "leadlists",
  opportunity_id: "opportunities",
  order: "orders",
  order_id: "orders",
  technician: "users",
  technicians: "users",
  technicianId: "users",
  technician_id: "users",
  userId: "users",
};
/** Which create what the others name comes before these. */
const CREATED_FIRST = [
  "/api/accounts",
  "/api/contacts",
  "/api/leads",
  "/api/opportunities",
  "/api/users",
  "/api/orders",
];
/** A Monday is asked for, which no JSON Schema says; most documents have no content. */
const SELDOM_TAKEN = ["get /api/schedules/week/{startDate}", "get /api/documents/{id}/content"];
/** What no JSON Schema says, where it is checked. */
const BY_CODE = /_id$|^#\/(ends_at|invite|account_id|sort)$/;

describe("the contract", () => {
  let state: RedisServer;
  let auth: AuthCrm;
  let crm: Crm;
  let admin: CrmClient;
  let operations: readonly Operation[];
  const created = new Map<string, string[]>();
  const resolve = (ref: string): Schema =>
    ref
      .split("/")
      .slice(1)
      .reduce((value: Schema, step) => value[step], crm.answers.document);

  beforeAll(async () => {
    state = await startRedisServer({ service: "redis" });
    // With logging in: users are given passwords and invitations.
    auth = await startAuthCrm(state.url);
    crm = auth.crm;
    admin = await crm.client("admin", TENANT_A);
    operations = Object.entries<Schema>(crm.answers.document.paths)
      .flatMap(([path, item]) =>
        Object.entries<Schema>(item)
          // Bytes are no affair of a schema.
          .filter(([, { requestBody }]) => !requestBody || requestBody.content["application/json"])
          .map(([method, { parameters = [], requestBody }]) => ({
            method: method as Operation["method"],
            path,
            parameters,
            body: bodySchemaOf(requestBody),
          })),
      )
      // Passwords are hashed there, which takes long; its tests hold its answers against the description, too.
      .filter(({ path }) => !path.startsWith("/api/auth/"))
      .sort((one, other) => rank(one) - rank(other));
    await createWhatRandomSeldomMakes();
  });
  afterAll(async () => {
    await auth.close();
    await state.stop();
  });

  /** Technicians with schedules, and credits to deduct. */
  async function createWhatRandomSeldomMakes(): Promise<void> {
    const create = async (collection: string, body: object) => {
      const { id } = (await admin.post(`/api/${collection}`, body).expect(201)).body.data;
      created.set(collection, [...(created.get(collection) ?? []), id]);
      return id;
    };
    for (const n of [1, 2, 3]) {
      const technician = { name: "Ada", email: `ada${n}@a.example`, is_technician: true };
      const technicianId = await create("users", technician);
      const time = { date: "2026-05-13", starts_at: "08:00", ends_at: "09:30" };
      await create("schedules", { technician_id: technicianId, title: "Visit", ...time });
      for (const type of ["email", "sms", "enrichment", "call"])
        await admin.post(`/api/credits/${technicianId}/${type}/add`, { amount: 500_000_000_000 }).expect(200);
    }
  }

  const rank = ({ method, path }: Operation) => {
    const first = CREATED_FIRST.indexOf(path);
    const kind = method === "post" && !path.includes("{") ? "create" : method;
    return ORDER.indexOf(kind) * 100 + (first === -1 ? CREATED_FIRST.length : first);
  };

  function bodySchemaOf(requestBody: Schema): Schema | undefined {
    const schema = requestBody?.content["application/json"]?.schema;
    return schema?.$ref ? resolve(schema.$ref) : schema;
  }

  /** Ids are those of records that there are, and now and then of one that there is not. */
  function known(name: string, otherwise: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
    const ids = created.get(COLLECTIONS[name] ?? name) ?? [];
    return ids.length === 0
      ? otherwise
      : fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...ids) }, { weight: 1, arbitrary: otherwise });
  }

  function paths({ path, parameters }: Operation): fc.Arbitrary<string> {
    const segments = path.split("/").map((segment, index, all) => {
      const name = /^\{(\w+)\}$/.exec(segment)?.[1];
      if (name === undefined) return fc.constant(segment);
      const { schema } = parameters.find((parameter) => parameter.name === name);
      const values = valuesOf(schema, resolve);
      return schema.format === "uuid" ? known(name === "id" ? (all[index - 1] ?? "") : name, values) : values;
    });
    return fc.tuple(...segments).map((parts) => parts.join("/").toLowerCase());
  }

  function queries({ parameters }: Operation): fc.Arbitrary<Record<string, unknown>> {
    const own = parameters.filter((parameter) => parameter.in === "query" && parameter.name !== "tenant_id");
    const values = own.map(({ name, schema }) => [name, valuesOf(schema, resolve)] as const);
    const requiredKeys = own.filter(({ required }) => required).map(({ name }) => name);
    return fc.record(Object.fromEntries(values), { requiredKeys }) as fc.Arbitrary<Record<string, unknown>>;
  }

  function bodies(schema: Schema): fc.Arbitrary<Record<string, unknown>> {
    const properties = Object.entries<Schema>(schema.properties).map(([name, each]) => {
      const values = valuesOf(each, resolve);
      return [name, name.endsWith("_id") ? known(name, values) : values] as const;
    });
    return fc.record(Object.fromEntries(properties), { requiredKeys: schema.required ?? [] }) as fc.Arbitrary<
      Record<string, unknown>
    >;
  }

  const send = (method: Operation["method"], url: string, body?: object) =>
    method === "get" || method === "delete" ? admin[method](url) : admin[method](url, body);

  function urlOf(path: string, query: Readonly<Record<string, unknown>>): string {
    const pairs = Object.entries(query).flatMap(([name, value]) =>
      [value].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(String(each))}`),
    );
    return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
  }

  test("what is made from it is taken, and answered as it says", async () => {
    const neverTaken: string[] = [];
    for (const operation of operations) {
      const { method, path, body } = operation;
      const statuses = new Set<number>();
      const requests = fc.tuple(
        paths(operation),
        queries(operation),
        body ? bodies(body) : fc.constant(undefined),
      );
      for (const [target, query, sent] of fc.sample(requests, { numRuns: RUNS, seed: SEED })) {
        const url = urlOf(target, query);
        const answer = await send(method, url, sent);
        const told = `${method} ${url} ${JSON.stringify(sent)}: ${answer.status} ${answer.text}`;
        assert.ok(answer.status < 500, told);
        statuses.add(answer.status);
        if (answer.status === 400)
          assert.ok(
            answer.body.errors?.every(({ pointer }: { pointer: string }) => BY_CODE.test(pointer)),
            told,
          );
        const id = answer.body?.data?.id;
        if (answer.status === 201 && typeof id === "string" && !path.includes("{")) {
          const collection = path.split("/").at(-1) ?? "";
          created.set(collection, [...(created.get(collection) ?? []), id]);
        }
      }
      if (![...statuses].some((status) => status < 300))
        neverTaken.push(`${method} ${path}: ${[...statuses]}`);
    }
    assert.deepEqual(
      neverTaken.filter((told) => !SELDOM_TAKEN.some((seldom) => told.startsWith(`${seldom}:`))),
      [],
    );
  });

  test("what contradicts it is refused", async () => {
    for (const { method, path, body, parameters } of operations) {
      const target = path.replace(/\{\w+\}/g, "aaaaaaaa-0000-4000-8000-00000000000a");
      if (body) {
        const [value = {}] = fc.sample(bodies(body), { numRuns: 1, seed: SEED });
        for (const [how, sent] of broken(value, body)) {
          const { status, text } = await send(method, target, sent);
          // Some refuse a path that leads nowhere first.
          assert.ok(status === 400 || status === 404, `${method} ${path}, ${how}: ${status} ${text}`);
        }
      }
      if (!parameters.some((parameter) => parameter.in === "query")) continue;
      for (const parameter of parameters.filter((each) => each.in === "query"))
        await send(method, `${target}?${parameter.name}=a&${parameter.name}=b`).expect(400);
      await send(method, `${target}?nobody_knows=1`).expect(400);
    }
  });
});
