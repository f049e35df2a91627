// Marks of sensitive fields in schemas: what is taken out, put back, and shown in logs.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { pino } from "pino";
import * as z from "zod";
import {
  joinRecord,
  logSerializer,
  sensitive,
  splitRecord,
} from "../../services/subjects/sensitive-fields.js";

const phone = z.object({ kind: z.enum(["work", "home"]), number: sensitive(z.string().trim()).nullable() });
const client = z.strictObject({
  id: z.string(),
  status: z.enum(["active", "gone"]),
  name: sensitive(z.string().max(80)).optional(),
  email: sensitive(z.string().trim().pipe(z.email())).optional(),
  phones: z.array(phone).default([]),
  aliases: z.array(sensitive(z.string())).optional(),
  address: sensitive(z.object({ city: z.string() })).optional(),
  scores: z.record(z.string(), z.number()).optional(),
  notes: z.record(z.string(), sensitive(z.string())).optional(),
  last: z.union([z.string(), z.object({ text: sensitive(z.string()) })]).optional(),
});
const RECORD: z.output<typeof client> = {
  id: "c-1",
  status: "active",
  name: "Ada Lovelace",
  email: "ada@example.org",
  phones: [
    { kind: "work", number: "+44 20 7946 0001" },
    { kind: "home", number: null },
  ],
  aliases: ["Countess"],
  address: { city: "London" },
  scores: { interest: 7 },
  notes: { family: "Byron" },
  last: "Babbage",
};
const SECRETS = /Ada|Lovelace|example\.org|7946|Countess|London|Byron|family|Babbage/;

describe("sensitive fields", () => {
  test("exactly the marked ones are taken out, and come back", () => {
    const split = splitRecord(client, RECORD);
    assert.deepEqual(split.readable, {
      id: "c-1",
      status: "active",
      phones: [{ kind: "work" }, { kind: "home" }],
      scores: { interest: 7 },
    });
    assert.deepEqual(joinRecord(JSON.parse(JSON.stringify(split))), RECORD);
  });

  test("what the schema does not name, or is of another kind, is sensitive", () => {
    const odd = { id: "c-1", extra: "Ada", phones: "7946", status: "active" };
    const split = splitRecord(client, odd);
    assert.deepEqual(split.readable, { id: "c-1", status: "active" });
    assert.deepEqual(joinRecord(split), odd);
    assert.deepEqual(splitRecord(client, "Ada").readable, {});
    assert.deepEqual(splitRecord(z.looseObject({ id: z.string() }), { id: "1", x: "Ada" }).readable, {
      id: "1",
    });
  });

  test("a mark is kept through checks, wrappers, and schemas that name themselves", () => {
    type Person = { name: string; friends: Person[] };
    const person: z.ZodType<Person> = z.object({
      name: sensitive(z.string()).min(1).describe("of the person").readonly(),
      get friends() {
        return z.array(person);
      },
    });
    const record = { name: "Ada", friends: [{ name: "Byron", friends: [] }] };
    const split = splitRecord(person, record);
    assert.deepEqual(split.readable, { friends: [{ friends: [] }] });
    assert.deepEqual(joinRecord(split), record);
    const wrapped = z.object({
      a: sensitive(z.string()).optional().default("x"),
      b: z.lazy(() => phone).nullable(),
    });
    assert.deepEqual(
      splitRecord(wrapped.partial(), { a: "Ada", b: { kind: "work", number: "7946" } }).readable,
      {
        b: { kind: "work" },
      },
    );
    const changed = z.object({ a: sensitive(z.string()) }).transform(({ a }) => ({ b: a }));
    assert.deepEqual(splitRecord(z.object({ changed }), { changed: { b: "Ada" } }).readable, {});
  });

  test("a mark of one use of a schema is none of another", () => {
    const text = z.string();
    const both = z.object({ hidden: sensitive(text), shown: text });
    assert.deepEqual(splitRecord(both, { hidden: "Ada", shown: "here" }).readable, { shown: "here" });
  });

  test("any JSON goes through, whatever its fields are called", () => {
    const schema = z.object({
      a: sensitive(z.json()),
      b: z.record(z.string(), z.object({ c: sensitive(z.json()) })),
    });
    fc.assert(
      fc.property(
        fc.record({
          a: fc.jsonValue(),
          b: fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), fc.record({ c: fc.jsonValue() })),
        }),
        (given) => {
          const record: unknown = JSON.parse(JSON.stringify(given));
          const joined = joinRecord(JSON.parse(JSON.stringify(splitRecord(schema, record))));
          assert.deepEqual(joined, record);
        },
      ),
    );
  });

  test("a log shows none of them", () => {
    let log = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        log += String(chunk);
        done();
      },
    });
    const logger = pino({ serializers: { client: logSerializer(client) } }, stream);
    logger.info({ client: RECORD }, "read");
    logger.child({ client: RECORD }).warn("once more");
    logger.info({ client: "Ada" });
    assert.equal(log.trim().split("\n").length, 3);
    assert.doesNotMatch(log, SECRETS);
    assert.match(log, /"id":"c-1".*"name":"\[sensitive\]".*"kind":"work","number":"\[sensitive\]"/);
  });
});
