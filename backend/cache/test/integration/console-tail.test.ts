// The live tail: what it tells to whom, and that no reader costs more than it may.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { type OpenedConsole, openConsole, type Person } from "../support/console-world.js";

describe("the live tail", () => {
  let cache: TenantCache;
  let world: OpenedConsole;

  beforeAll(async () => {
    world = await openConsole();
    ({ cache } = world);
  });
  afterAll(() => world.close());

  async function follow(person: Person, query = ""): Promise<{ res: IncomingMessage; text: () => string }> {
    const req = get(`${world.url}/ops/cache/tail-events${query}`, { headers: { "x-person": person } });
    const [res] = (await once(req, "response")) as [IncomingMessage];
    req.on("error", () => undefined);
    res.on("error", () => undefined);
    afterTest(() => res.destroy());
    let text = "";
    res.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    return { res, text: () => text };
  }

  const nobodyReads = () => until("all are let go", async () => cache.events.listenerCount("hit") === 0);

  const events = (text: string): Record<string, unknown>[] =>
    [...text.matchAll(/^data: (\{"at".*)$/gm)].map(([, data = ""]) => JSON.parse(data));

  test("nothing listens while nobody reads; a reader is told of hits and misses as they are decided", async () => {
    await nobodyReads();
    const { res, text } = await follow("superadmin");
    assert.equal(res.headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(res.headers["cache-control"], "no-store");
    await world.request("/accounts", { tenant: "acme" });
    await cache.idle();
    await world.request("/accounts", { tenant: "acme" });
    await until("all three came", async () => events(text()).length >= 3);
    assert.deepEqual(
      events(text()).map(({ event, tenant, module }) => [event, tenant, module]),
      [
        ["miss", "acme", "accounts"],
        ["stored", "acme", "accounts"],
        ["hit", "acme", "accounts"],
      ],
    );
  });

  test("who sees one tenant hears of no other, and of nobody's", async () => {
    const { text } = await follow("admin");
    const asked = await follow("admin", "?tenant=globex");
    const chosen = await follow("superadmin", "?tenant=globex&module=leads");
    await world.request("/leads", { tenant: "globex" });
    await world.request("/accounts", { tenant: "globex" });
    await world.request("/accounts", { tenant: "" });
    await world.request("/leads?last", { tenant: "acme" });
    await until("the own came", async () => events(text()).length > 0);
    await until("the chosen came", async () => events(chosen.text()).length > 0);
    assert.deepEqual([...new Set(events(text()).map(({ tenant }) => tenant))], ["acme"]);
    assert.deepEqual(events(asked.text()), []);
    assert.deepEqual([...new Set(events(chosen.text()).map(({ module }) => module))], ["leads"]);
  });

  test("what is more than it may tell is counted, and one of n is one of n", async () => {
    await nobodyReads();
    const { text } = await follow("superadmin");
    const sampled = await follow("superadmin", "?sample=10");
    for (let index = 0; index < 100; index++)
      cache.events.publish("hit", { tenant: "acme", module: "accounts" });
    const skipped = (of: string) =>
      [...of.matchAll(/"skipped":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    await until("they came", async () => events(text()).length > 0 && events(sampled.text()).length > 0);
    await until("and were counted", async () => skipped(text()) > 0);
    assert.deepEqual([events(text()).length, skipped(text())], [25, 75]);
    assert.deepEqual([events(sampled.text()).length, skipped(sampled.text())], [10, 0]);
  });

  test("a reader that takes nothing is let go of, and its requests never waited", async () => {
    await nobodyReads();
    const { res } = await follow("superadmin");
    res.pause();
    const detail = "x".repeat(200_000);
    for (let round = 0; round < 100 && cache.events.listenerCount("hit") > 0; round++) {
      for (let index = 0; index < 25; index++) cache.events.publish("hit", { module: "accounts", detail });
      await delay(100);
    }
    assert.equal(cache.events.listenerCount("hit"), 0);
  });

  test("the ninth reader is told to come back later", async () => {
    await nobodyReads();
    for (let index = 0; index < 8; index++) assert.equal((await follow("admin")).res.statusCode, 200);
    const { res } = await follow("admin");
    assert.deepEqual([res.statusCode, res.headers["retry-after"]], [503, "10"]);
  });
});
