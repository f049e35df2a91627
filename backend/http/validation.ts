// Validation of queries and bodies by schemas: what passed is kept beside the request, typed.
// Tests: test/http/hostile-requests.test.ts, test/http/problems.test.ts
import express, { type Request, type RequestHandler } from "express";
import type * as z from "zod";
import { tells } from "./openapi/facts.js";
import { type FieldError, HttpProblem } from "./problem.js";

export interface Validated<T> {
  /** Middleware: answers 400 where the schema refuses. */
  readonly check: RequestHandler;
  /** What the schema made of this request, once `check` has run. */
  of(req: Request): T;
}

export const MAX_BODY_BYTES = 100 * 1024;
const MAX_REPORTED_ERRORS = 20;
/** Schemas of any JSON, and what writes JSON, call themselves for each level: a body of brackets alone would take all of the stack. */
export const MAX_NESTING = 64;

/** Whether a JSON value has more levels than that. Calls itself for none of them. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; depth <= levels; depth += 1) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** The query must be what the schema says. The schema should be strict: a parameter that is ignored would still fill a cache. */
export function validatedQuery<T>(schema: z.ZodType<T>): Validated<T> {
  return validated(schema, "query", (req) => req.query);
}

/** The JSON body must be what the schema says; no body at all is `{}`. Put {@link jsonBody} before it. */
export function validatedBody<T>(schema: z.ZodType<T>): Validated<T> {
  return validated(schema, "body", (req) => req.body ?? {});
}

/**
 * What the schema makes of a value.
 * @throws HttpProblem 400, which names what is wrong
 */
export function validate<T>(schema: z.ZodType<T>, part: string, given: unknown): T {
  if (nestsDeeper(given, MAX_NESTING))
    throw new HttpProblem(400, { detail: `The ${part} has more than ${MAX_NESTING} levels.` });
  const result = schema.safeParse(given);
  const errors = result.success ? unstorableTexts(given) : fieldErrors(result.error);
  if (!result.success || errors.length > 0)
    throw new HttpProblem(400, { detail: `The ${part} is not valid: see errors.`, errors });
  return result.data;
}

function validated<T>(
  schema: z.ZodType<T>,
  part: "query" | "body",
  read: (req: Request) => unknown,
): Validated<T> {
  const values = new WeakMap<Request, { readonly value: T }>();
  const check: RequestHandler = (req, _res, next) => {
    values.set(req, { value: validate(schema, part, read(req)) });
    next();
  };
  return {
    check: tells(check, { [part]: schema, problems: [400] }),
    of: (req) => {
      const held = values.get(req);
      if (!held)
        throw new Error(`the ${part} was read before it was validated: mount check before the handler`);
      return held.value;
    },
  };
}

const parseJson = express.json({ limit: MAX_BODY_BYTES });

/** Parses JSON bodies up to 100 kB; a body of another type is 415. */
export const jsonBody: RequestHandler = tells(
  (req, res, next) => {
    // Clients without a body send "Content-Length: 0" and no type; type-is would call that a body.
    if (req.get("content-length") === "0") return next();
    // null: there is no body. false: there is one, of another type.
    if (req.is("application/json") === false) {
      throw new HttpProblem(415, { detail: "Send the body as application/json." });
    }
    parseJson(req, res, next);
  },
  { problems: [400, 413, 415] },
);

function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues
    .flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => ({ pointer: pointer([...issue.path, key]), message: "is not known here" }))
        : [{ pointer: pointer(issue.path), message: issue.message }],
    )
    .slice(0, MAX_REPORTED_ERRORS);
}

const UNSTORABLE = /[\0\p{Cs}]/u;

/**
 * Whatever a schema lets through: PostgreSQL takes no NUL in a text, and half of a surrogate pair is no character, so that it becomes
 * another text on its way (RFC 8259 section 8.2).
 */
function unstorableTexts(given: unknown): FieldError[] {
  const found: FieldError[] = [];
  const left: { readonly path: readonly string[]; readonly value: unknown }[] = [{ path: [], value: given }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, value } = next;
    if (typeof value === "string") {
      if (UNSTORABLE.test(value))
        found.push({ pointer: pointer(path), message: "must not contain NUL or half of a surrogate pair" });
    } else if (typeof value === "object" && value !== null) {
      for (const [key, child] of Object.entries(value)) left.push({ path: [...path, key], value: child });
    }
  }
  return found.slice(0, MAX_REPORTED_ERRORS);
}

const MAX_POINTER_LENGTH = 200;
// encodeURI throws on them.
const LONE_SURROGATE = /\p{Cs}/gu;

/** RFC 6901 section 6: escaped, then percent-encoded. Cut off, because unknown names may be of any length. */
function pointer(path: readonly PropertyKey[]): string {
  const parts = path.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1"));
  const text = ["", ...parts].join("/").slice(0, MAX_POINTER_LENGTH).replace(LONE_SURROGATE, "\uFFFD");
  return `#${encodeURI(text)}`;
}
