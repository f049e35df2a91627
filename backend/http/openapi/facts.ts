// What middleware and handlers tell of themselves: from it the OpenAPI description is made. Nothing here runs for a request.
// Tests: test/unit/openapi-document.test.ts, test/http/openapi.test.ts
import type * as z from "zod";

/** An answer that is JSON, by its schema; one of another type; or one without a body. */
export type Answer = z.ZodType | Bytes | "empty";

/** A body that is not JSON. */
export interface Bytes {
  /** `application/pdf`, or `*`/`*` where the type is whatever was stored. */
  readonly mediaType: string;
}

export interface Facts {
  /** One line. */
  readonly summary?: string;
  /** What the summary leaves out. */
  readonly description?: string;
  /** Of the path: an object with a property for each `:name`. */
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** A JSON body, or bytes. */
  readonly body?: z.ZodType | Bytes;
  /** By status. An error is a problem document, and its status is enough: {@link problems}. */
  readonly answers?: Readonly<Record<number, Answer>>;
  /** Statuses of problem documents. */
  readonly problems?: readonly number[];
  /** Whether a token is needed, or is read where there is one. Default: neither. */
  readonly token?: "needed" | "read";
  /** Roles, in words: "the role member". All of them are needed. */
  readonly needs?: readonly string[];
  /** Whether the answer has an ETag, and a client that has it already gets 304. */
  readonly isConditional?: boolean;
}

const told = new WeakMap<object, Facts>();

/** Has a handler tell something of itself, and returns the same handler. Facts that it has told before stay. */
export function tells<Handler extends object>(handler: Handler, facts: Facts): Handler {
  const before = told.get(handler);
  told.set(handler, before ? together([before, facts]) : facts);
  return handler;
}

/** What a handler, or all that stands in front of it too, tells. */
export function factsOf(...handlers: readonly object[]): Facts {
  return together(handlers.flatMap((handler) => told.get(handler) ?? []));
}

/** Of two that contradict each other the later one counts; statuses and roles add up. */
function together(all: readonly Facts[]): Facts {
  const problems = new Set(all.flatMap((facts) => facts.problems ?? []));
  const needs = new Set(all.flatMap((facts) => facts.needs ?? []));
  const answers = Object.assign({}, ...all.map((facts) => facts.answers));
  const isTokenNeeded = all.some(({ token }) => token === "needed");
  return {
    ...Object.assign({}, ...all),
    ...(problems.size > 0 && { problems: [...problems].sort((one, other) => one - other) }),
    ...(needs.size > 0 && { needs: [...needs] }),
    ...(Object.keys(answers).length > 0 && { answers }),
    ...(isTokenNeeded && { token: "needed" }),
  };
}
