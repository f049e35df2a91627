// Random handlers for the transparency property: a plan says what a handler answers and through which of the many ways.
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { RequestHandler, Response } from "express";
import fc from "fast-check";

/** Of text, or of bytes that are given to the response as a view or as text in an encoding. */
type Chunk =
  | { readonly text: string; readonly times: number }
  | { readonly bytes: Uint8Array; readonly as: "buffer" | "uint8" | BufferEncoding };

type HeadForm = "set" | "writeHead" | "writeHead with message" | "writeHead with array";

export interface Head {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[];
  /** Set by middleware in front of the cache or by Express. */
  readonly removed: readonly string[];
}

export type Plan = { readonly head: Head } & (
  | { readonly via: "json"; readonly value: unknown }
  | { readonly via: "send" | "end"; readonly chunk: Chunk | undefined; readonly form: HeadForm }
  | { readonly via: "parts" | "pipe" | "trailers"; readonly parts: readonly Chunk[]; readonly form: HeadForm }
  | { readonly via: "sendFile" | "sendStatus" | "redirect" | "throw" | "next" }
  | { readonly via: "throw half way"; readonly part: Chunk }
  | { readonly via: "wrong length"; readonly text: string; readonly tooMany: number }
);

/** Compiled beside its source map: a text long enough to be compressed. */
const FILE = fileURLToPath(import.meta.url);

/** The handler that does what the plan says. */
export function handlerOf(plan: Plan): RequestHandler {
  return (_req, res, next) => {
    const { head } = plan;
    for (const name of head.removed) res.removeHeader(name);
    const written = "form" in plan && plan.via !== "send" ? plan.form : "set";
    writeHead(res, head, written);
    switch (plan.via) {
      case "json":
        return void res.json(plan.value);
      case "send":
        return void res.send(plan.chunk && dataOf(plan.chunk));
      case "end":
        return void (plan.chunk ? endWith(res, plan.chunk) : res.end());
      case "parts":
      case "trailers":
        if (plan.via === "trailers") res.addTrailers({ "X-Checksum": "of all parts" });
        for (const part of plan.parts) res.write(dataOf(part), encodingOf(part));
        return void res.end();
      case "pipe":
        return void Readable.from(
          plan.parts.map((part) => bytesOf(part)),
          { objectMode: false },
        ).pipe(res);
      case "sendFile":
        return void res.sendFile(FILE);
      case "sendStatus":
        return void res.sendStatus(head.status);
      case "redirect":
        return void res.redirect("/elsewhere");
      case "throw":
        throw new Error("thrown by the handler");
      case "next":
        return next(new Error("handed on by the handler"));
      case "throw half way":
        res.write(dataOf(plan.part), encodingOf(plan.part));
        throw new Error("thrown half way");
      case "wrong length":
        res.setHeader("Content-Length", Buffer.byteLength(plan.text) + plan.tooMany);
        return void res.end(plan.text);
    }
  };
}

function writeHead(res: Response, { status, headers }: Head, form: HeadForm): void {
  const object = Object.fromEntries(headers.map(([name, values]) => [name, oneOrAll(values)]));
  if (form === "writeHead") res.writeHead(status, object);
  else if (form === "writeHead with message") res.writeHead(status, "As Planned", object);
  else if (form === "writeHead with array")
    res.writeHead(
      status,
      // Joined: of a name that comes twice Node 20 sends the last value only, later versions all of them.
      headers.flatMap(([name, values]) => [name, values.join(", ")]),
    );
  else {
    res.status(status);
    // The first by Node's name, the rest as Express adds them.
    for (const [name, [first = "", ...rest]] of headers) {
      res.setHeader(name, first);
      for (const value of rest) res.append(name, value);
    }
  }
}

function oneOrAll(values: readonly string[]): string | string[] {
  return values.length === 1 ? (values[0] ?? "") : [...values];
}

function encodingOf(chunk: Chunk): BufferEncoding {
  return "bytes" in chunk && chunk.as !== "buffer" && chunk.as !== "uint8" ? chunk.as : "utf8";
}

function dataOf(chunk: Chunk): string | Buffer | Uint8Array {
  if ("text" in chunk) return chunk.text.repeat(chunk.times);
  if (chunk.as === "uint8") return new Uint8Array(chunk.bytes);
  const buffer = Buffer.from(chunk.bytes);
  return chunk.as === "buffer" ? buffer : buffer.toString(chunk.as);
}

function bytesOf(chunk: Chunk): Buffer {
  const data = dataOf(chunk);
  return typeof data === "string" ? Buffer.from(data, encodingOf(chunk)) : Buffer.from(data);
}

function endWith(res: Response, chunk: Chunk): void {
  res.end(dataOf(chunk), encodingOf(chunk));
}

const text = fc.record({
  text: fc.string({ unit: "grapheme", maxLength: 40 }),
  times: fc.constantFrom(1, 1, 1, 60, 4000),
});
const bytes = fc.record({
  bytes: fc.uint8Array({ maxLength: 64 }),
  as: fc.constantFrom("buffer", "uint8", "hex", "base64", "latin1", "utf16le"),
}) satisfies fc.Arbitrary<Chunk>;
const chunk: fc.Arbitrary<Chunk> = fc.oneof(text, bytes);
const parts = fc.array(chunk, { minLength: 1, maxLength: 5 });

const value = fc.oneof(
  { weight: 5, arbitrary: fc.stringMatching(/^[!-+\--~]( ?[!-+\--~]){0,12}$/) },
  { weight: 1, arbitrary: fc.stringMatching(/^[à-ÿ]( ?[à-ÿ]){0,4}$/) },
);
const oneOf = (name: string, ...values: string[]) =>
  fc.constantFrom(...values).map((one) => [name, [one]] as const);
const headers = fc.uniqueArray(
  fc.oneof(
    fc.tuple(
      fc.constantFrom("X-One", "x-two", "X-Repeated", "Link"),
      fc.array(value, { minLength: 1, maxLength: 3 }),
    ),
    oneOf("Content-Type", "text/plain; charset=utf-8", "application/json", "image/png", "text/html"),
    oneOf("Cache-Control", "public, max-age=60", "no-store", "private", "no-transform", "max-age=0"),
    oneOf("ETag", '"strong"', 'W/"weak"'),
    oneOf("Last-Modified", "Tue, 03 Mar 2026 10:00:00 GMT"),
    oneOf("Vary", "Accept-Language", "Origin", "*"),
    oneOf("Set-Cookie", "seen=1; Path=/"),
    oneOf("X-Flavour", "the handler's", "of the request"),
  ),
  { maxLength: 4, selector: ([name]) => name },
);

const STATUSES = [200, 200, 200, 200, 201, 203, 204, 301, 404, 410, 418, 500, 503] as const;
const head: fc.Arbitrary<Head> = fc.record({
  status: fc.constantFrom(...STATUSES),
  headers,
  removed: fc.subarray(["X-Powered-By", "X-Flavour"]),
});
const form = fc.constantFrom<HeadForm>("set", "writeHead", "writeHead with message", "writeHead with array");

/** Any plan; most of them are answers that may be stored. */
export const plans: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ via: fc.constant("json" as const), head, value: fc.jsonValue() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      via: fc.constantFrom("send" as const, "end" as const),
      head,
      chunk: fc.option(chunk, { nil: undefined }),
      form,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      via: fc.constantFrom("parts" as const, "pipe" as const, "trailers" as const),
      head,
      parts,
      form,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      via: fc.constantFrom(
        "sendFile" as const,
        "sendStatus" as const,
        "redirect" as const,
        "throw" as const,
        "next" as const,
      ),
      head,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ via: fc.constant("throw half way" as const), head, part: chunk }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      via: fc.constant("wrong length" as const),
      head,
      text: fc.string({ minLength: 3, maxLength: 20 }),
      tooMany: fc.constantFrom(-2, 4),
    }),
  },
);
