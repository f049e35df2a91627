// A CRM that fails is left alone for a while, which grows; one request finds out whether it is back.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { SourceCircuit } from "../../services/sync/source-circuit.js";

test("opens after five failures in a row, asks once when the pause is over, and doubles it", () => {
  let nowMs = 0;
  const circuit = new SourceCircuit(() => nowMs);
  for (let failure = 0; failure < 4; failure += 1) circuit.failed("502");
  circuit.worked();
  for (let failure = 0; failure < 4; failure += 1) circuit.failed("502");
  assert.equal(circuit.mayTry(), true);
  circuit.failed("502");
  assert.deepEqual([circuit.isOpen, circuit.reason, circuit.mayTry()], [true, "502", false]);
  nowMs += 1000;
  assert.deepEqual([circuit.mayTry(), circuit.mayTry()], [true, false]);
  // Whoever asked has given up: another one may.
  circuit.unknown();
  assert.equal(circuit.mayTry(), true);
  circuit.failed("502");
  nowMs += 1999;
  assert.equal(circuit.mayTry(), false);
  nowMs += 1;
  assert.equal(circuit.mayTry(), true);
  circuit.worked();
  assert.deepEqual([circuit.isOpen, circuit.mayTry(), circuit.mayTry()], [false, true, true]);
});

test("the pause is a minute at most", () => {
  let nowMs = 0;
  const circuit = new SourceCircuit(() => nowMs);
  for (let failure = 0; failure < 30; failure += 1) circuit.failed("away");
  nowMs += 60_000;
  assert.equal(circuit.mayTry(), true);
});
