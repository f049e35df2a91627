// Spans and metrics of OpenTelemetry, by its own SDK: what a request did, what the store was asked, and the same figures as Prometheus has.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import {
  ATTR_DB_OPERATION_NAME,
  ATTR_DB_SYSTEM_NAME,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
} from "@opentelemetry/semantic-conventions";
import { Router } from "express";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { FIGURES, HISTOGRAMS } from "../../src/metrics/figures.js";
import { otelName } from "../../src/metrics/telemetry.js";
import { openCache } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

describe("telemetry", () => {
  const spans = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meters = new MeterProvider({ readers: [reader] });
  const inHandler: (string | undefined)[] = [];
  let cache: TenantCache;
  let app: HttpApp;

  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    cache = await openCache("redis", {
      telemetry: { tracer: provider.getTracer("test"), meter: meters.getMeter("test") },
    });
    app = await serve((express) => {
      express.get("/items/:id", cache.cacheList("items", 180), (_req, res) => {
        inHandler.push(trace.getActiveSpan()?.spanContext().spanId);
        res.json([1]);
      });
      express.post("/items", cache.invalidateCache("items"), (_req, res) => void res.json({}));
      const router = Router();
      router.get("/notes/:id", cache.cacheList("notes", 180), (_req, res) => void res.json([1]));
      express.use("/customers/:customer", router);
      express.get("/broken", cache.cacheList("items", 180), (_req, res) => void res.sendStatus(500));
    });
  });
  afterAll(async () => {
    await app.close();
    await cache.close();
    await provider.shutdown();
    await meters.shutdown();
    context.disable();
    propagation.disable();
  });

  /** The spans of a request, once they have ended. */
  async function spansOf(work: () => Promise<unknown>, name: string): Promise<readonly ReadableSpan[]> {
    spans.reset();
    await work();
    await until(`a span ${name}`, () => spans.getFinishedSpans().some((span) => span.name === name));
    await cache.idle();
    return spans.getFinishedSpans();
  }
  const named = (all: readonly ReadableSpan[], name: string) => {
    const [one] = all.filter((span) => span.name === name);
    assert.ok(one, name);
    return one;
  };

  test("a miss: its route, its result, the handler and the store below it", async () => {
    const all = await spansOf(() => app.request("/items/1"), "cache items");
    const request = named(all, "cache items");
    assert.deepEqual(
      {
        method: request.attributes[ATTR_HTTP_REQUEST_METHOD],
        route: request.attributes[ATTR_HTTP_ROUTE],
        status: request.attributes[ATTR_HTTP_RESPONSE_STATUS_CODE],
        module: request.attributes["etc.module"],
        result: request.attributes["etc.result"],
      },
      { method: "GET", route: "/items/:id", status: 200, module: "items", result: "miss" },
    );
    assert.equal(inHandler.at(-1), request.spanContext().spanId);
    const asked = all.filter((span) => span.attributes[ATTR_DB_SYSTEM_NAME] === "redis");
    const operations = asked.map((span) => span.attributes["etc.operation"]);
    assert.ok(operations.includes("beginFill") && operations.includes("commitFill"), operations.join());
    const begin = asked.find((span) => span.attributes["etc.operation"] === "beginFill");
    assert.equal(begin?.attributes[ATTR_DB_OPERATION_NAME], "EVALSHA");
    assert.equal(begin?.spanContext().traceId, request.spanContext().traceId);
  });

  test("a hit, and a bypass with its reason", async () => {
    await app.request("/items/2");
    await cache.idle();
    const hit = named(await spansOf(() => app.request("/items/2"), "cache items"), "cache items");
    assert.equal(hit.attributes["etc.result"], "hit");
    const alone = await spansOf(() => app.request("/items/2", { tenant: "" }), "cache items");
    const bypass = named(alone, "cache items");
    assert.equal(bypass.attributes["etc.result"], "bypass");
    assert.equal(bypass.attributes["etc.detail"], "no-tenant");
  });

  test("an invalidation says whether the store has confirmed; an error of the handler is the span's", async () => {
    const all = await spansOf(() => app.request("/items", { method: "POST" }), "cache invalidate");
    assert.equal(named(all, "cache invalidate").attributes["etc.confirmed"], true);
    const broken = named(await spansOf(() => app.request("/broken"), "cache items"), "cache items");
    assert.equal(broken.status.code, 2);
    assert.equal(broken.attributes[ATTR_HTTP_RESPONSE_STATUS_CODE], 500);
  });

  test("the route of a router is its pattern: what a mount has matched is data", async () => {
    const all = await spansOf(() => app.request("/customers/customer-17/notes/3"), "cache notes");
    assert.equal(named(all, "cache notes").attributes[ATTR_HTTP_ROUTE], "/customers/:customer/notes/:id");
  });

  test("no attribute names a tenant or a key", async () => {
    const all = await spansOf(() => app.request("/items/3"), "cache items");
    for (const span of all) assert.doesNotMatch(JSON.stringify(span.attributes), /tenant-1|fence:|lease:/);
  });

  test("concurrent requests: each span has its own result", async () => {
    await app.request("/items/4");
    await cache.idle();
    spans.reset();
    await Promise.all([
      ...Array.from({ length: 10 }, () => app.request("/items/4")),
      ...Array.from({ length: 10 }, () => app.request("/items/4", { tenant: "" })),
    ]);
    const requests = () => spans.getFinishedSpans().filter((span) => span.name === "cache items");
    await until("twenty spans", () => requests().length === 20);
    const results = requests().map((span) => span.attributes["etc.result"]);
    assert.deepEqual(results.sort(), [...Array(10).fill("bypass"), ...Array(10).fill("hit")]);
  });

  test("the lane's hits have spans, too", async () => {
    const express = (await import("express")).default();
    express.get("/lane", cache.cacheList("lane-items"), (_req, res) => void res.json([1]));
    const lane = cache.lane(express, { identify: () => ({ tenant: "tenant-1" }) });
    const laned = await serve((outer) => outer.use((req, res) => lane(req, res)));
    try {
      for (let n = 0; n < 4; n++) await laned.request("/lane");
    } finally {
      await laned.close();
    }
    const hits = spans.getFinishedSpans().filter((span) => span.attributes["etc.lane"] === true);
    assert.ok(hits.length >= 2, `${hits.length} spans`);
    for (const { duration, attributes } of hits) {
      assert.ok(duration[0] < 60);
      assert.deepEqual([attributes["etc.module"], attributes["etc.result"]], ["lane-items", "hit"]);
    }
  });

  test("metrics: each figure, by the same name but for its unit, with the same values", async () => {
    await reader.forceFlush();
    const shown = exporter
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap(({ metrics }) => metrics);
    assert.ok(shown);
    const names = new Map(shown.map((metric) => [metric.descriptor.name, metric]));
    for (const { name } of HISTOGRAMS) {
      const metric = names.get(otelName(name));
      assert.equal(metric?.descriptor.unit, "s", name);
      assert.equal(metric?.dataPointType, DataPointType.HISTOGRAM, name);
    }
    assert.ok(FIGURES.filter(({ name }) => names.has(otelName(name))).length > 25);
    const hits = names
      .get("etc.requests")
      ?.dataPoints.find(
        ({ attributes }) => attributes["etc.module"] === "items" && attributes["etc.result"] === "hit",
      );
    const { modules } = await cache.stats();
    assert.equal(hits?.value, modules.items?.hits);
  });
});

describe("without telemetry", () => {
  test("no span is begun, whatever tracer is global", async () => {
    const spans = new InMemorySpanExporter();
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    trace.setGlobalTracerProvider(provider);
    const cache = await openCache("memory");
    const app = await serve((express) => {
      express.get("/items", cache.cacheList("items"), (_req, res) => void res.json([1]));
    });
    try {
      await app.request("/items");
      assert.deepEqual(spans.getFinishedSpans(), []);
      const traced = await openCache("memory", { telemetry: true });
      await traced.invalidateTenantCache("tenant-1", "items");
      assert.ok(spans.getFinishedSpans().length > 0, "with true it is that one");
      await traced.close();
    } finally {
      await app.close();
      await cache.close();
      trace.disable();
      await provider.shutdown();
    }
  });
});
