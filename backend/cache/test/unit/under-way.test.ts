// Work behind answers: idle waits for all of it, ended for what there is when it is asked.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { UnderWay } from "../../src/engine/under-way.js";
import { gate } from "../support/http-app.js";

describe("work under way", () => {
  test("idle waits for what begins meanwhile, ended does not", async () => {
    const underWay = new UnderWay();
    const first = gate();
    const second = gate();
    underWay.add(first.passed);
    const said: string[] = [];
    const idle = underWay.idle().then(() => said.push("idle"));
    const ended = underWay.ended().then(() => said.push("ended"));
    underWay.add(second.passed);
    first.open();
    await ended;
    assert.deepEqual([said, underWay.size], [["ended"], 1]);
    second.open();
    await idle;
    assert.deepEqual([said, underWay.size], [["ended", "idle"], 0]);
  });

  test("work that fails has ended", async () => {
    const underWay = new UnderWay();
    underWay.add(Promise.reject(new Error("away")));
    await underWay.idle();
    await underWay.ended();
    assert.equal(underWay.size, 0);
  });
});
