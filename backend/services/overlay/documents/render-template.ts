// Templates are Mustache: names and sections, and no code. What is filled in is escaped for the format of the document.
// Tests: test/unit/overlay-templates.test.ts
import { types } from "node:util";
import Mustache from "mustache";
import { HttpProblem } from "../../../http/problem.js";

export const FORMATS = ["text", "html", "csv", "json"] as const;
export type Format = (typeof FORMATS)[number];

interface FormatRules {
  readonly mediaType: string;
  readonly extension: string;
  escape(text: string): string;
}

export const FORMAT_RULES: Readonly<Record<Format, FormatRules>> = {
  text: { mediaType: "text/plain; charset=utf-8", extension: "txt", escape: (text) => text },
  html: { mediaType: "text/html; charset=utf-8", extension: "html", escape: (text) => Mustache.escape(text) },
  csv: { mediaType: "text/csv; charset=utf-8", extension: "csv", escape: csvCell },
  // Inside of a string of the template's: without the quotes that JSON puts around it.
  json: {
    mediaType: "application/json; charset=utf-8",
    extension: "json",
    escape: (text) => JSON.stringify(text).slice(1, -1),
  },
};

export const MAX_TEMPLATE_BYTES = 64 * 1024;
export const MAX_OUTPUT_BYTES = 1024 * 1024;
/** Sections inside sections multiply: so many names and turns are all that one document takes. */
const MAX_STEPS = 50_000;
const MAX_DEPTH = 20;

type Token = readonly [type: string, value: string, start: number, end: number, children?: readonly Token[]];

/** As templates are made. @throws HttpProblem 400 where it is none, or asks for what is not offered */
export function checkTemplate(body: string, format: Format): void {
  if (Buffer.byteLength(body) > MAX_TEMPLATE_BYTES)
    throw unusable(`is larger than ${MAX_TEMPLATE_BYTES} bytes`);
  parsed(body);
  // With nothing filled in, a document has to be one of its format.
  if (format === "json" && !isJson(render(body, format, {})))
    throw unusable("is no JSON where nothing is filled in: values go inside of strings");
}

/**
 * @param data JSON; of each object its own fields alone can be named
 * @throws HttpProblem 400 where the template is none; 413 above 1 MiB, or where sections take too many turns
 */
export function render(body: string, format: Format, data: unknown): string {
  const tokens = parsed(body);
  const budget = { steps: MAX_STEPS, bytes: MAX_OUTPUT_BYTES };
  const writer = new BoundedWriter(budget);
  const filledIn = (value: unknown) => spend(budget, FORMAT_RULES[format].escape(textOf(value)));
  const text = writer.renderTokens(
    tokens as unknown as string[][],
    new OwnContext(data, undefined, budget),
    undefined,
    body,
    { escape: filledIn },
  );
  if (format === "json" && !isJson(text)) throw unusable("has made no JSON of this data");
  return text;
}

interface Budget {
  steps: number;
  bytes: number;
}

class BoundedWriter extends Mustache.Writer {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    super();
    this.#budget = budget;
  }

  override rawValue(token: string[]): string {
    return spend(this.#budget, token[1] ?? "");
  }
}

/** Looks at own properties alone: what JavaScript's objects inherit, such as `constructor`, is no data and is not called. */
class OwnContext extends Mustache.Context {
  readonly #budget: Budget;
  readonly #parent: OwnContext | undefined;

  constructor(view: unknown, parent: OwnContext | undefined, budget: Budget) {
    super(view, parent);
    this.#budget = budget;
    this.#parent = parent;
  }

  override push(view: unknown): OwnContext {
    step(this.#budget);
    return new OwnContext(view, this, this.#budget);
  }

  override lookup(name: string): unknown {
    step(this.#budget);
    if (name === ".") return this.view;
    const path = name.split(".");
    const [first = ""] = path;
    for (let context: OwnContext | undefined = this; context; context = context.#parent) {
      // Where the first part is found, the rest of the path is looked up there, and nowhere else.
      if (own(context.view, first) !== undefined)
        return path.reduce<unknown>((value, part) => own(value, part), context.view);
    }
    return undefined;
  }
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === "function" ? undefined : found;
}

/** @throws HttpProblem 400 */
function parsed(body: string): readonly Token[] {
  let tokens: readonly Token[];
  try {
    // A writer of its own: the library's keeps every template that it has ever seen.
    tokens = new Mustache.Writer().parse(body) as readonly Token[];
  } catch (error) {
    throw unusable(types.isNativeError(error) ? error.message : "cannot be read");
  }
  requireOffered(tokens, 0);
  return tokens;
}

function requireOffered(tokens: readonly Token[], depth: number): void {
  if (depth > MAX_DEPTH) throw unusable(`has more than ${MAX_DEPTH} sections inside each other`);
  for (const [type, value, , , children] of tokens) {
    if (type === "&") throw unusable(`fills in ${value} without escaping it: write {{${value}}}`);
    if (type === ">") throw unusable(`asks for the template ${value}: templates do not include others`);
    if (type === "=") throw unusable("changes the delimiters, which are {{ and }}");
    if (children) requireOffered(children, depth + 1);
  }
}

function step(budget: Budget): void {
  budget.steps -= 1;
  if (budget.steps < 0) throw tooLarge(`it takes more than ${MAX_STEPS} names and turns of sections`);
}

function spend(budget: Budget, text: string): string {
  budget.bytes -= Buffer.byteLength(text);
  if (budget.bytes < 0) throw tooLarge(`it would have more than ${MAX_OUTPUT_BYTES} bytes`);
  return text;
}

function textOf(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** RFC 4180; a cell that a spreadsheet would take for a formula begins with an apostrophe (OWASP, CSV injection). */
function csvCell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) || plain !== text ? `"${plain.replaceAll('"', '""')}"` : plain;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function unusable(why: string): HttpProblem {
  const errors = [{ pointer: "#/body", message: why }];
  return new HttpProblem(400, { detail: "The template is not valid: see errors.", errors });
}

const tooLarge = (why: string) => new HttpProblem(413, { detail: `The document is too large: ${why}.` });
