// What errors of PostgreSQL mean to a client: which may pass, and when to try again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError } from "pg";
import { databaseUnavailability } from "../../db/database-errors.js";

const withCode = (code: string) => Object.assign(new DatabaseError("the reason", 10, "error"), { code });

test("a full disk and a server that takes no writes say so, and are not tried again at once", () => {
  const full = databaseUnavailability(withCode("53100"));
  const readOnly = databaseUnavailability(withCode("25006"));
  assert.match(full?.detail ?? "", /no room/);
  assert.match(readOnly?.detail ?? "", /takes no writes/);
  for (const told of [full, readOnly]) assert.ok(told && told.retryAfterSeconds >= 10);
});

test("what may pass at once: connections, resources, operators, the server's system, lost races", () => {
  for (const code of [
    "08006",
    "53200",
    "53300",
    "57014",
    "57P01",
    "57P03",
    "58030",
    "58P01",
    "40001",
    "40P01",
    "55P03",
  ])
    assert.deepEqual(
      databaseUnavailability(withCode(code)),
      { detail: "The database cannot answer now. Try again.", retryAfterSeconds: 1 },
      code,
    );
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  for (const error of [refused, new Error("Connection terminated unexpectedly")])
    assert.equal(databaseUnavailability(error)?.retryAfterSeconds, 1, error.message);
});

test("nothing else: mistakes of ours are no outage", () => {
  for (const code of ["23505", "22P02", "42P01", "42501", "25001", "XX000", "XX001"])
    assert.equal(databaseUnavailability(withCode(code)), undefined, code);
  for (const error of [
    new Error("53100"),
    "53100",
    undefined,
    Object.assign(new Error(), { code: "EACCES" }),
  ])
    assert.equal(databaseUnavailability(error), undefined);
});
