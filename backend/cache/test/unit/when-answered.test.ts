// When a handler has answered: told once, whichever comes first of its end, its client's going, and the bound.
import assert from "node:assert/strict";
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { afterAll, describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { whenAnswered } from "../../src/express/when-answered.js";

const NEVER_MS = 600_000;
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

function watch(graceMs: number, maxMs?: number) {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  let told = 0;
  whenAnswered(res, () => told++, graceMs, maxMs);
  return { res, told: () => told };
}

describe("whenAnswered", () => {
  test("an answer that is ended is told at once, and nothing that comes later is", () => {
    const { res, told } = watch(1, NEVER_MS);
    res.end();
    assert.equal(told(), 1);
    res.emit("close");
    res.end();
    assert.equal(told(), 1);
  });

  test("a handler that never answers is told after the bound, though its client stays", async () => {
    const { res, told } = watch(NEVER_MS, 5);
    await until("the bound is over", () => told() === 1);
    res.end();
    res.emit("close");
    assert.equal(told(), 1);
  });

  test("a client that goes is told a while later, and the bound no longer", async () => {
    const { res, told } = watch(5, 10_000);
    res.emit("close");
    assert.equal(told(), 0, "the handler may be at work still");
    await until("the while is over", () => told() === 1);
  });

  test("that while is no longer than what the bound leaves", async () => {
    const { res, told } = watch(NEVER_MS, 5);
    res.emit("close");
    await until("the bound is over", () => told() === 1);
  });

  test("without a bound a client that stays is waited for", async () => {
    const { res, told } = watch(5);
    await new Promise(setImmediate);
    assert.equal(told(), 0);
    res.end();
    assert.equal(told(), 1);
  });
});
