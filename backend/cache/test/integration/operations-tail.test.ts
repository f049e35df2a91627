// The live tail of the operations route: what is told to whom, and that nobody waits for a reader.
import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { openOperatedApp } from "../support/operated-app.js";

type Line = Readonly<Record<string, unknown>>;

/** Follows until the test ends. */
async function follow(
  url: string,
  who: string,
  query = "",
): Promise<{ lines: Line[]; ended: Promise<unknown>; stop(): void }> {
  const request = get(`${url}/ops/tail${query}`, { headers: { "x-who": who } });
  afterTest(() => void request.destroy());
  request.on("error", () => undefined);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.match(response.headers["content-type"] ?? "", /^application\/x-ndjson/);
  const lines: Line[] = [];
  let rest = "";
  response.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
  });
  response.on("error", () => undefined);
  const ended = new Promise((resolve) => response.once("close", resolve));
  return { lines, ended, stop: () => void request.destroy() };
}

const eventsOf = (lines: readonly Line[]) => lines.filter(({ event }) => event !== undefined);

test("tells decisions and invalidations as they are made, to who may see them", async () => {
  const { url, request, cache } = await openOperatedApp("memory", { cache: { actor: () => "ada" } });
  const all = await follow(url, "operator");
  const own = await follow(url, "admin");
  const some = await follow(url, "viewer", "?event=invalidated&module=things");
  await request("/things/1");
  await cache.idle();
  await request("/things/1");
  await request("/things/1", { tenant: "tenant-2" });
  await request("/things", { method: "POST", headers: { "x-request-id": "request-1" } });
  await request("/others", { method: "POST" });
  const names = (lines: readonly Line[]) =>
    eventsOf(lines).map(({ event, tenant, module }) => [event, tenant, module].join(" "));
  await until("all of it is told", () => eventsOf(all.lines).length >= 7);
  assert.deepEqual(names(all.lines).sort(), [
    "hit tenant-1 things",
    "invalidated tenant-1 ",
    "invalidated tenant-1 ",
    "miss tenant-1 things",
    "miss tenant-2 things",
    "stored tenant-1 things",
    "stored tenant-2 things",
  ]);
  await until(
    "the others are told, too",
    () => eventsOf(own.lines).length >= 5 && eventsOf(some.lines).length >= 1,
  );
  assert.ok(names(own.lines).every((name) => name.includes("tenant-1")));
  const [told, ...more] = eventsOf(some.lines);
  assert.deepEqual(more, []);
  assert.deepEqual(
    [told?.kind, told?.name, told?.requestId, told?.modules, told?.confirmed],
    ["route", "POST /things", "request-1", ["things"], true],
  );
  assert.match(String(told?.actor), /^[\w-]{16}$/);
  const counts = all.lines.filter(({ seen }) => seen !== undefined);
  assert.equal(
    counts.reduce((sum, { seen }) => sum + Number(seen), 0),
    7,
  );
});

test("samples, and counts what it leaves out", async () => {
  const { url, cache } = await openOperatedApp("memory");
  const every = await follow(url, "operator", "?event=alarm&sample=10");
  const flooded = await follow(url, "operator", "?event=alarm");
  const alarm = { tenant: "tenant-1", module: "things", detail: "corrupt" };
  for (let n = 0; n < 200; n++) cache.events.publish("alarm", alarm);
  await until("both are told", () =>
    [every, flooded].every(({ lines }) => lines.some(({ seen }) => seen === 200)),
  );
  assert.equal(eventsOf(every.lines).length, 20);
  assert.equal(eventsOf(flooded.lines).length, 25);
  assert.ok(flooded.lines.some(({ skipped }) => skipped === 175));
});

test("eight readers, then no more until one has gone; and nobody listens once all have", async () => {
  const { url, ask, cache } = await openOperatedApp("memory");
  const readers = [];
  for (let n = 0; n < 8; n++) readers.push(await follow(url, "operator"));
  const refused = await ask("tail");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "10"]);
  readers.pop()?.stop();
  await until("there is room again", async () => {
    const request = await follow(url, "operator").catch(() => undefined);
    if (request) readers.push(request);
    return request !== undefined;
  });
  for (const reader of readers) reader.stop();
  await until("nobody listens", () => cache.events.listenerCount("hit") === 0);
});

test("who does not read is cut off", async () => {
  const { url, cache } = await openOperatedApp("memory");
  const { port } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  afterTest(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.pause();
  socket.write("GET /ops/tail?event=alarm HTTP/1.1\r\nHost: a\r\nX-Who: operator\r\n\r\n");
  await until("it is followed", () => cache.events.listenerCount("alarm") > 0);
  const alarm = { tenant: "tenant-1", module: "things", detail: "x".repeat(500_000) };
  await until("it is cut off", () => {
    for (let n = 0; n < 25; n++) cache.events.publish("alarm", alarm);
    return cache.events.listenerCount("alarm") === 0;
  });
}, 60_000);

test("a server that is closed does not wait for readers, nor does a cache leave them", async () => {
  const { url, server, cache } = await openOperatedApp("memory");
  const [one, other] = [await follow(url, "operator"), await follow(url, "admin")];
  server.close();
  await Promise.all([one.ended, other.ended]);
  assert.equal(cache.events.listenerCount("hit"), 0);
  const open = await openOperatedApp("memory");
  const last = await follow(open.url, "operator");
  await open.cache.close();
  await last.ended;
  assert.equal(open.cache.events.listenerCount("hit"), 0);
});
