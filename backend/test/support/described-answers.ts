// Holds real answers against the OpenAPI description of the app that gave them. Clients of the test app do so with every answer.
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describeApp, type OpenApiDocument } from "../../http/openapi/document.js";
import { mountedRoutes } from "../../http/openapi/mounted-routes.js";

/** An answer, as supertest or fetch gave it. */
export interface GivenAnswer {
  readonly method: string;
  /** With or without its query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}

interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

const described = new Map<string, Promise<DescribedAnswers>>();

export class DescribedAnswers {
  readonly #ajv: Ajv2020;
  readonly #templates: readonly { readonly pattern: RegExp; readonly template: string }[];
  readonly document: OpenApiDocument;

  constructor(document: OpenApiDocument) {
    this.document = document;
    // What an answer is held against is compiled for this file's few answers: making its code small, and
    // holding the description itself against its meta-schema (`openapi.test.ts` does), would take longer.
    this.#ajv = new Ajv2020({ strict: false, code: { optimize: false }, validateSchema: false });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(document, "document");
    // As Express does, "/tasks/recent" comes before "/tasks/{id}": what has fewer parameters is tried first.
    this.#templates = Object.keys(document.paths)
      .sort((one, other) => one.split("{").length - other.split("{").length)
      .map((template) => ({
        template,
        pattern: new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`),
      }));
  }

  /** Apps of one file that have the same routes share one: to describe them takes half a second. */
  static of(app: { readonly router: object }): Promise<DescribedAnswers> {
    const routes = mountedRoutes(app).map(({ method, path }) => `${method} ${path}`);
    const name = routes.sort().join("\n");
    const made = described.get(name) ?? describeApp(app).then((document) => new DescribedAnswers(document));
    described.set(name, made);
    return made;
  }

  /** @throws AssertionError where the answer is not one that the description has */
  check({ method, path, status, contentType = "", body }: GivenAnswer): void {
    const template = this.#templateOf(path);
    const operation = template && this.document.paths[template]?.[method.toLowerCase()];
    if (template === undefined || operation === undefined) {
      // Nothing is described here: then nothing but a problem, or the list of methods, may be answered.
      if (status < 400 && method !== "HEAD" && method !== "OPTIONS")
        assert.fail(`${method} ${path} answered ${status}, and is not described`);
      return;
    }
    const where = `${method} ${template}: ${status}`;
    const { responses } = operation as Operation;
    const known = responses[status] ? String(status) : "default";
    if (known === "default" && status < 500 && status !== 405)
      assert.fail(`${where} is not described: those of ${method} are ${Object.keys(responses).join(", ")}`);
    if (status === 304) return;
    const pointer =
      responses[known]?.$ref?.slice(1) ??
      pointerTo("paths", template, method.toLowerCase(), "responses", known);
    const content = this.#at(pointer).content ?? {};
    const mediaType = contentType.split(";", 1)[0] ?? "";
    if (Object.keys(content).length === 0) {
      assert.equal(mediaType, "", `${where} is described without a body`);
      return;
    }
    if (content["*/*"]) return;
    assert.ok(content[mediaType], `${where} is described as ${Object.keys(content)}, and was ${contentType}`);
    const validate = this.#ajv.getSchema(`document#${pointer}${pointerTo("content", mediaType, "schema")}`);
    if (validate && !validate(body)) {
      const errors = this.#ajv.errorsText(validate.errors?.slice(0, 5), { dataVar: "answer" });
      assert.fail(`${where} is not as described: ${errors}\n${JSON.stringify(body).slice(0, 2000)}`);
    }
  }

  #templateOf(path: string): string | undefined {
    const [plain = ""] = path.split("?", 1);
    return this.#templates.find(({ pattern }) => pattern.test(plain))?.template;
  }

  #at(pointer: string): Response {
    let value: unknown = this.document;
    for (const step of pointer.split("/").slice(1))
      value = Reflect.get(Object(value), step.replaceAll("~1", "/").replaceAll("~0", "~"));
    return value as Response;
  }
}

/** RFC 6901, in a URI: ajv decodes it. */
const pointerTo = (...steps: string[]) =>
  steps.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
