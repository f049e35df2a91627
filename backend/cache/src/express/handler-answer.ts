// What a handler has answered, as the route's own functions see it: made for them, and nothing of it is the entry's own.
// Tests: test/integration/route-functions.test.ts
import type { HandlerAnswer } from "../options/route-options.js";
import type { RecordedHead } from "./recorded-head.js";

export class RecordedAnswer implements HandlerAnswer {
  readonly status: number;
  readonly #head: RecordedHead;
  readonly #recorded: Buffer;
  #headers: Readonly<Record<string, string>> | undefined;
  #body: Buffer | undefined;
  #parsed: { readonly value: unknown } | undefined;

  constructor(head: RecordedHead, recorded: Buffer) {
    this.status = head.status;
    this.#head = head;
    this.#recorded = recorded;
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= joined(this.#head.headers.set);
    return this.#headers;
  }

  get body(): Buffer {
    this.#body ??= Buffer.from(this.#recorded);
    return this.#body;
  }

  /** Bound: it is taken out of the answer. */
  readonly json = (): unknown => {
    this.#parsed ??= { value: parsed(this.#recorded) };
    return this.#parsed.value;
  };
}

/** What the parser says quotes the body, and may be logged. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new SyntaxError("the body is no JSON");
  }
}

function joined(fields: readonly (readonly [name: string, value: string])[]): Record<string, string> {
  // Without a prototype: a header may be called as a member of one.
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    const earlier = headers[lower];
    headers[lower] = earlier === undefined ? value : `${earlier}, ${value}`;
  }
  return headers;
}
