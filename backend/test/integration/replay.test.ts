// An hour of the replayed day: what it counts, and that its traffic is the same for the same seed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "@jest/globals";
import { createTenantCache } from "express-tenant-cache";
import type { PlannedRequest } from "../../../scripts/replay/planned-request.js";
import { play } from "../../../scripts/replay/play.js";
import type { Population } from "../../../scripts/replay/population.js";
import { replayDay, slowerThan } from "../../../scripts/replay/replay-day.js";
import { formatReport, makeReport } from "../../../scripts/replay/replay-report.js";
import { planOverlayTraffic, planTraffic } from "../../../scripts/replay/traffic.js";
import { Zipf } from "../../../scripts/replay/zipf.js";
import { Random } from "../../seed/random.js";
import { afterTest, tell } from "../../servers/in-test.js";

const existing = (n: number, document = {}) =>
  Array.from({ length: n }, (_, i) => ({
    id: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
    document,
  }));

const POPULATION: Population = {
  tenantId: "00000000-0000-4000-8000-000000000001",
  users: existing(20),
  technicianIds: existing(8).map(({ id }) => id),
  orderIds: existing(30).map(({ id }) => id),
  openTasks: existing(15, { title: "open" }),
  schedules: existing(15, { title: "planned" }),
};

describe("the replayed day", () => {
  test("traffic is the same for the same seed, in the order of its times, mostly reads", () => {
    const plan = (seed: number) => planTraffic([POPULATION], { seed, hours: 8, today: "2026-05-13" });
    const requests = plan(1);
    assert.deepEqual(plan(1), requests);
    assert.notDeepEqual(plan(2), requests);
    const times = requests.map(({ atHours }) => atHours);
    assert.deepEqual(
      times,
      [...times].sort((left, right) => left - right),
    );
    assert.ok((times.at(-1) ?? 0) < 8);
    const writes = requests.filter(({ method }) => method !== "GET").length;
    assert.ok(writes > 50 && writes < requests.length / 20, `${writes} of ${requests.length}`);
  });

  test("so is the overlay's, by agents on clients of their own, and by the other CRM", () => {
    const agents = existing(2).map(({ id }) => ({
      id,
      clients: [1, 2, 3].map((n) => ({
        crmId: `${id.at(-1)}${n}`,
        communicationIds: [`c-${id.at(-1)}${n}`],
        tasks: [{ id: `t-${id.at(-1)}${n}`, client_id: `hubspot:${n}`, title: "Call back" }],
      })),
      documentIds: [id],
    }));
    const { tenantId } = POPULATION;
    const plan = (seed: number) => planOverlayTraffic([{ tenantId, agents }], { seed, hours: 8 });
    const told = (requests: readonly PlannedRequest[]) => JSON.stringify(requests);
    const requests = plan(1);
    assert.equal(told(plan(1)), told(requests));
    assert.notEqual(told(plan(2)), told(requests));
    const own = requests.filter(({ path }) => /\/clients\/hubspot\/\d+$/.test(path));
    for (const { path, agentId } of own)
      assert.ok(
        agents.find(({ id }) => id === agentId)?.clients.some(({ crmId }) => path.endsWith(`/${crmId}`)),
      );
    const counted = (isCounted: (request: PlannedRequest) => boolean) => requests.filter(isCounted).length;
    assert.ok(own.length > 200, `${own.length}`);
    assert.ok(counted(({ changedCrmId }) => changedCrmId !== undefined) > 100, "webhooks");
    assert.ok(counted(({ followedBy }) => followedBy !== undefined) > 30, "claims of the queue");
  });

  test("the most popular is asked for most", () => {
    const random = new Random(7);
    const zipf = new Zipf(10, 1);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const picked = zipf.pick(random);
      counts[picked] = (counts[picked] ?? 0) + 1;
    }
    const [first = 0, second = 0, last = 0] = [counts[0], counts[1], counts[9]];
    // 1, 1/2 and 1/10 out of their sum, 2.93.
    assert.ok(Math.abs(first - 3414) < 200 && Math.abs(second - 1707) < 150 && Math.abs(last - 341) < 80);
  });

  test("a machine that cannot keep up is told from rates that are too low", () => {
    const advice = createTenantCache({ tenant: () => undefined }).advice();
    const missReasons = { cold: 6, expired: 2, fenced: 2, evicted: 0, unstorable: 0, refused: 0, unknown: 0 };
    const run = {
      queries: 10,
      queriesBehind: 1,
      views: [],
      maxLatenessMs: 0,
      modules: {},
      advice,
      missReasons,
    };
    const reportOf = (maxLatenessMs: number) => formatReport(makeReport(run, { ...run, maxLatenessMs }));
    assert.match(reportOf(25_000), /could not keep up: an answer came 25 s after it was due/);
    assert.doesNotMatch(reportOf(5000), /keep up/);
  });

  test("the speed is what the machine has kept up with, and less; nothing is slower than the slowest", () => {
    assert.equal(slowerThan(300, 200), 150);
    assert.equal(slowerThan(300, 100), 75);
    assert.equal(slowerThan(100, 500), 75, "it was too fast, whatever was sustained");
    assert.equal(slowerThan(300, 1), 30);
    assert.equal(slowerThan(30, 1), undefined);
  });

  test("where an answer is late no more is sent, and how far it came is told", async () => {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(req.url ?? "");
      // Later than it may be.
      setTimeout(() => res.end("{}"), 100);
    }).listen(0, "127.0.0.1");
    afterTest(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const webhook = () => assert.fail("none is sent");
    const HOUR_S = 3600;
    const requests = Array.from({ length: 60 }, (_, n) => ({
      tenantId: POPULATION.tenantId,
      atHours: n / HOUR_S,
      method: "GET" as const,
      path: `/${n}`,
    }));
    const backend = { port, token: async () => "token", webhook };
    const onProgress = () => undefined;
    const played = await play({ backend, requests, compression: 1, giveUpAfterMs: 50, onProgress });
    assert.deepEqual(played.failures, []);
    assert.ok(played.maxLatenessMs > 50);
    assert.ok(asked.length < 30, `${asked.length} of 60`);
    assert.ok(played.sustained <= 1, `${played.sustained}`);
  });

  test("misses of an unknown reason are a shortfall from one in a hundred on", () => {
    const { advice } = createTenantCache({ tenant: () => undefined });
    const run = { queries: 10, queriesBehind: 1, views: [], maxLatenessMs: 0, modules: {}, advice: advice() };
    const reportOf = (unknown: number) => {
      const missReasons = {
        cold: 0,
        expired: 0,
        fenced: 100 - unknown,
        evicted: 0,
        unstorable: 0,
        refused: 0,
        unknown,
      };
      return formatReport(makeReport({ ...run, missReasons }, { ...run, missReasons }));
    };
    assert.match(reportOf(0), /why it missed: fenced 100.0 %, cold 0.0 %/);
    assert.doesNotMatch(reportOf(0), /unknown reason/);
    assert.match(reportOf(1), /TOO LOW: .*misses of an unknown reason: 1.0 % of 1.0 %/);
  });

  test("an hour against real servers: every answer is good, and most reads load nothing", async () => {
    const { services, queries, queriesBehind, forecasts, misses } = await replayDay({
      seed: 1,
      hours: 1,
      tenants: 1,
      scale: 0.02,
      speed: 300,
      onStep: () => undefined,
    });
    for (const { name, reads, loads, hitRate } of services) {
      assert.ok(loads > 0 && loads < reads, `${name}: ${loads} loads of ${reads} reads`);
      assert.equal(hitRate, 1 - loads / reads);
    }
    assert.ok(queries.with > 0 && queries.with < queries.without / 2, JSON.stringify(queries));
    tell(JSON.stringify(misses));
    assert.ok(misses.fenced > 0 && misses.cold > 0, JSON.stringify(misses));
    assert.ok(misses.unknown < 0.01, JSON.stringify(misses));
    assert.ok(forecasts.length >= 4, JSON.stringify(forecasts));
    tell(
      forecasts
        .map(({ module, forecast, measured }) => `${module} ${forecast.toFixed(3)} ${measured.toFixed(3)}`)
        .join(", "),
    );
    for (const { module, forecast, measured } of forecasts)
      assert.ok(
        Math.abs(forecast - measured) <= 0.05,
        `${module}: ${forecast} forecast, ${measured} measured`,
      );
    // Each access is on record, whatever it was answered from.
    assert.ok(queriesBehind.with > queriesBehind.without / 2, JSON.stringify(queriesBehind));
  });
});
