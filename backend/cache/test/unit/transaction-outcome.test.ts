// Which failures of a transaction leave open whether it has committed.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { isOutcomeUnknown } from "../../src/express/transaction-outcome.js";

const coded = (code: string) => Object.assign(new Error("it failed"), { code });

describe("the outcome of a transaction that failed", () => {
  const unknown: [name: string, error: unknown][] = [
    ["a socket that was reset", coded("ECONNRESET")],
    ["pg: no code", new Error("Connection terminated unexpectedly")],
    ["pg: the server ended the session", coded("57P01")],
    ["pg: transaction resolution unknown", coded("08007")],
    ["mysql2", coded("PROTOCOL_CONNECTION_LOST")],
    ["Prisma", coded("P1017")],
    ["mongodb", Object.assign(new Error("x"), { errorLabels: ["UnknownTransactionCommitResult"] })],
    ["Sequelize, which keeps it as parent", Object.assign(new Error("x"), { parent: coded("EPIPE") })],
    ["TypeORM", Object.assign(new Error("x"), { driverError: coded("ETIMEDOUT") })],
    ["Drizzle", new Error("Failed query", { cause: coded("ECONNRESET") })],
  ];
  for (const [name, error] of unknown) test(`unknown: ${name}`, () => assert.ok(isOutcomeUnknown(error)));

  const circular: { cause?: unknown } = {};
  circular.cause = circular;
  const refused: [name: string, error: unknown][] = [
    ["a constraint", coded("23505")],
    ["a lost race", coded("40001")],
    ["the handler's own", new Error("not enough stock")],
    ["what is no error", "rolled back"],
    ["nothing", undefined],
    ["a circle of causes", circular],
  ];
  for (const [name, error] of refused)
    test(`rolled back: ${name}`, () => assert.ok(!isOutcomeUnknown(error)));
});
