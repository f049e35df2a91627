// What errors of PostgreSQL mean: which last, and which another try may help.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { DatabaseError } from "pg";
import { databaseTrouble, isDatabaseUnavailable } from "../../db/database-errors.js";

describe("errors of the database", () => {
  const error = (code: string) => Object.assign(new DatabaseError("message", 7, "error"), { code });
  for (const [code, trouble] of [
    ["53100", "no-writes"], // disk_full
    ["58030", "no-writes"], // io_error: what a quota is
    ["25006", "no-writes"], // read_only_sql_transaction
    ["53300", "away"], // too_many_connections
    ["57P01", "away"], // admin_shutdown
    ["57P03", "away"], // cannot_connect_now
    ["08006", "away"], // connection_failure
    ["53200", undefined], // out_of_memory
    ["57014", undefined], // query_canceled: this statement's time ran out
    ["40001", undefined], // serialization_failure
    ["40P01", undefined], // deadlock_detected
    ["55P03", undefined], // lock_not_available
  ] as const) {
    test(`${code}: ${trouble ?? "this statement's"}, and another try may help`, () => {
      assert.equal(databaseTrouble(error(code)), trouble);
      assert.ok(isDatabaseUnavailable(error(code)));
    });
  }

  test("a connection that cannot be made, or is lost: away", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    for (const each of [refused, new Error("Connection terminated unexpectedly")]) {
      assert.equal(databaseTrouble(each), "away", each.message);
      assert.ok(isDatabaseUnavailable(each), each.message);
    }
  });

  for (const code of ["22P02", "23505", "25001", "42501", "42601", "42P01", "XX000", "XX001"]) {
    test(`${code}: no other try helps`, () => {
      assert.equal(databaseTrouble(error(code)), undefined);
      assert.ok(!isDatabaseUnavailable(error(code)));
    });
  }

  test("nor where it is no error of the database", () => {
    const denied = Object.assign(new Error("permission denied"), { code: "EACCES" });
    for (const each of [new Error("53100"), "53100", undefined, denied]) {
      assert.equal(databaseTrouble(each), undefined);
      assert.ok(!isDatabaseUnavailable(each));
    }
  });
});
