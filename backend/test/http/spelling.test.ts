// One spelling for each path, id and query: however a client writes a request, it fills the cache once or is refused.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import fc from "fast-check";
import { exchange } from "../../servers/raw-http.js";
import { type Crm, type CrmClient, startCrm, TENANT_A } from "../support/crm.js";
import { create, createFieldService, type FieldService, viewPaths } from "../support/field-service-tenant.js";
import { headerOf, type LaneCrm, startLaneCrm } from "../support/lane-crm.js";
import { SAMPLE_MODULES } from "../support/records.js";
import { RESPELLINGS, respelled } from "../support/spellings.js";

const DAY_SECONDS = 86_400;
const TTL_OF_A_DAY = { SHORT: DAY_SECONDS, MEDIUM: DAY_SECONDS, LONG: DAY_SECONDS, DAY: DAY_SECONDS };

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

/** Spellings that mean the same as the first of their line. */
const SAME_QUERIES: readonly (readonly string[])[] = [
  [
    "/api/accounts",
    "?",
    "?&&",
    "?limit=50",
    "?limit=050",
    "?offset=0",
    "?sort=-created_at",
    "?sort=%2Dcreated_at",
  ].map((query, index) => (index === 0 ? query : `/api/accounts${query}`)),
  [
    "/api/accounts?limit=3&offset=2&sort=name,-created_at",
    "/api/accounts?sort=name%2C-created_at&offset=2&limit=3",
    "/api/accounts?limit=03&offset=00002&sort=name,-created_at",
    `/api/accounts?limit=3&offset=2&sort=name,-created_at&tenant_id=${TENANT_A}`,
    `/api/accounts?tenant_id=${TENANT_A.toUpperCase()}&limit=3&offset=2&sort=name,-created_at`,
  ],
  [
    "/api/accounts?type=customer&type=partner",
    "/api/accounts?type=partner&type=customer",
    "/api/accounts?type=partner&type=customer&type=partner",
  ],
  [
    "/api/accounts?q=bright%20logistics",
    "/api/accounts?q=Logistics+BRIGHT",
    "/api/accounts?q=++bright%C2%A0logistics++bright",
  ],
  [
    "/api/accounts/count?min_employee_count=5&created_after=2026-01-01",
    "/api/accounts/count?created_after=2026-01-01T00:00:00Z&min_employee_count=05",
    "/api/accounts/count?created_after=2026-01-01T01:00:00%2B01:00&min_employee_count=5.00",
    "/api/accounts/count?created_after=2026-01-01T00:00:00.000Z&min_employee_count=5.0",
  ],
  [
    "/api/accounts/count?min_employee_count=0",
    "/api/accounts/count?min_employee_count=-0",
    "/api/accounts/count?min_employee_count=00.0",
  ],
  [
    "/api/contacts?do_not_contact=false&account_id=aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "/api/contacts?account_id=AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE&do_not_contact=false",
  ],
  [
    "/api/contacts/search?q=web%20jon",
    "/api/contacts/search?q=Jon+Web&limit=20",
    "/api/contacts/search?limit=020&q=web+jon+web",
  ],
];

/** What a route or a parser might take for a value, and must not. */
const REFUSED_QUERIES = [
  "?limit=",
  "?limit",
  "?limit=50&limit=50",
  "?LIMIT=50",
  "?limit=50.0",
  "?limit=5e1",
  "?limit=+50",
  "?limit=0x32",
  "?limit[]=50",
  "?offset=-0",
  "?sort=",
  "?sort=NAME",
  "?sort=name,",
  "?q=",
  "?q=+",
  "?page=1",
  "?=1",
  "?__proto__=1",
  "?constructor=1",
  "?tenant_id=",
  `?tenant_id=${TENANT_A}&tenant_id=${TENANT_A}`,
];

describe("one spelling for each request", () => {
  let crm: Crm;
  let viewer: string;
  let service: FieldService;
  const recordPaths: string[] = [];

  beforeAll(async () => {
    // However long a busy machine takes, nothing expires.
    crm = await startCrm("memory", { ttl: TTL_OF_A_DAY });
    viewer = await crm.token("viewer", TENANT_A);
    const admin: CrmClient = await crm.client("admin", TENANT_A);
    for (const { name, document } of SAMPLE_MODULES)
      recordPaths.push(`/api/${name}/${await create(admin, `/api/${name}`, document(1))}`);
    service = await createFieldService(admin);
    const file = recordPaths.find((path) => path.startsWith("/api/documents/"));
    await admin.put(`${file}/content`, { any: "bytes" }).expect(204);
    recordPaths.push(`${file}/content`);
  });
  afterAll(() => crm.close());

  async function ask(target: string): Promise<Answer> {
    const headers = ["Host: crm.example", `Authorization: Bearer ${viewer}`, "Connection: close"];
    const answer = await exchange(
      Number(new URL(crm.url).port),
      `GET ${target} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`,
    );
    return {
      status: Number(answer.slice(9, 12)),
      type: headerOf(answer, "Content-Type"),
      body: answer.slice(answer.indexOf("\r\n\r\n") + 4),
    };
  }

  async function entries(): Promise<number> {
    await crm.cache.idle();
    return (await crm.cache.stats()).totals.entries ?? Number.NaN;
  }

  /** Asks in the right spelling, and then in the others: none of them may leave anything, nor be answered with anything else. */
  async function fillsOnce(target: string, spellings: readonly string[], isAccepted = false): Promise<void> {
    const right = await ask(target);
    assert.equal(right.status, 200, `${target}: ${right.body}`);
    const filled = await entries();
    for (const spelling of spellings) {
      const answer = await ask(spelling);
      if (answer.status === 200) assert.equal(answer.body, right.body, spelling);
      else {
        assert.ok(!isAccepted && [400, 404].includes(answer.status), `${spelling}: ${answer.status}`);
        assert.match(answer.type ?? "", /^application\/problem\+json/, spelling);
      }
      assert.equal(await entries(), filled, spelling);
    }
  }

  const targets = () => [
    ...SAMPLE_MODULES.flatMap(({ name }) => [`/api/${name}`, `/api/${name}/count`]),
    ...recordPaths,
    ...Object.values(viewPaths(service)),
  ];

  test("what means the same is one entry", async () => {
    for (const [right = "", ...spellings] of SAME_QUERIES) {
      const before = await entries();
      await fillsOnce(right, spellings, true);
      assert.equal(await entries(), before + 1, right);
    }
  });

  test("what no schema knows is refused, and fills nothing", async () => {
    for (const path of ["/api/accounts", "/api/accounts/count", "/api/contacts/search"]) {
      const before = await entries();
      for (const query of REFUSED_QUERIES) assert.equal((await ask(path + query)).status, 400, path + query);
      assert.equal(await entries(), before);
    }
  });

  test("every list, record and view: in any spelling one entry, or refused", async () => {
    await crm.cache.invalidateAllTenant(TENANT_A);
    assert.equal(await entries(), 0);
    for (const target of targets()) {
      const spellings = RESPELLINGS.flatMap((respell) => [0, 7, 12].map((at) => respell(target, at)));
      await fillsOnce(target, [...new Set(spellings)]);
    }
    assert.equal(await entries(), targets().length);
  });

  test("260 spellings of one id are one entry", async () => {
    const [path = ""] = recordPaths;
    const id = path.slice(-36);
    const spellings = Array.from({ length: 260 }, (_, bits) => {
      let letter = 0;
      return path.replace(
        id,
        id.replace(/[a-f]/g, (each) => ((bits >> letter++) & 1 ? each.toUpperCase() : each)),
      );
    });
    await fillsOnce(path, spellings, true);
  });

  test("whatever is done to a target", async () => {
    const queries = [
      "/api/accounts?limit=7&sort=name&type=customer&type=partner",
      "/api/leads?q=garcia+maria&offset=0&min_score=7",
      "/api/contacts/search?limit=20&q=web",
      "/api/opportunities/count?created_after=2026-01-01&stage=proposal",
    ];
    const target = fc.constantFrom(...queries, ...targets());
    await fc.assert(
      fc.asyncProperty(
        target.chain((right) => fc.tuple(fc.constant(right), respelled(right))),
        async ([right, spelling]) => fillsOnce(right, [spelling]),
      ),
      { numRuns: 400 },
    );
  });

  test("system and operations routes have one path, too", async () => {
    const admin = await crm.client("admin", TENANT_A);
    for (const path of [
      "/health",
      "/api/health",
      "/api/system/health/live",
      "/api/system/cache-stats",
      "/api/cache/metrics",
    ]) {
      await admin.get(path).expect(200);
      for (const spelling of [`${path}/`, path.toUpperCase(), path.replace("h", "%68"), `/${path}`])
        await admin.get(spelling).expect(404);
    }
    await admin.post("/api/auth/LOGIN", {}).expect(404);
    await admin.post("/api/accounts/", { name: "Brightwater" }).expect(404);
    await admin.get("/api/accounts/%zz").expect(400);
  });
});

describe("one spelling for each request, in the lane", () => {
  let crm: LaneCrm;
  beforeAll(async () => {
    crm = await startLaneCrm();
  });
  afterAll(() => crm.close());

  test("a list is answered there in every spelling of its query, from one entry", async () => {
    const token = await crm.token("member");
    await crm.here.ask(token, "/api/accounts", { method: "POST", body: { name: "Seen from the lane" } });
    const { viaLane: right } = await crm.here.warm(token, "/api/accounts?limit=50");
    for (const target of ["/api/accounts", "/api/accounts?limit=050", "/api/accounts?offset=0&limit=50"]) {
      const { viaApp, viaLane } = await crm.here.warm(token, target);
      assert.match(viaApp, /Cache-Status: express-tenant-cache; hit/, target);
      assert.equal(headerOf(viaLane, "ETag"), headerOf(right, "ETag"));
    }
  });

  test("another spelling of a path is refused also where the right one is answered there; an id's is the app's", async () => {
    const token = await crm.token("member");
    const { viaLane } = await crm.here.warm(token, "/api/accounts");
    const id = /"id":"([0-9a-f-]{36})"/.exec(viaLane)?.[1] ?? "";
    const { viaLane: record } = await crm.here.warm(token, `/api/accounts/${id}`);
    for (let time = 0; time < 3; time++) {
      for (const target of ["/api/accounts/", "/API/accounts", "/api/%61ccounts", `/api/accounts/${id}/`])
        assert.match(await crm.here.ask(token, target), /^HTTP\/1.1 404 /, target);
      const shouted = await crm.here.ask(token, `/api/accounts/${id.toUpperCase()}`);
      assert.equal(headerOf(shouted, "ETag"), headerOf(record, "ETag"));
      assert.match(shouted, /Cache-Status: express-tenant-cache; hit/);
    }
  });
});
