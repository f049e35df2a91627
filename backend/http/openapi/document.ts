// The OpenAPI 3.1 description of an app, made from what its mounted routes tell of themselves.
// Tests: test/unit/openapi-document.test.ts, test/http/openapi.test.ts
import { STATUS_CODES } from "node:http";
import { setImmediate } from "node:timers/promises";
import * as z from "zod";
import type { Answer, Bytes, Facts } from "./facts.js";
import { JsonSchemas, type Parameter } from "./json-schemas.js";
import { type MountedRoute, mountedRoutes } from "./mounted-routes.js";
import { named } from "./named-schemas.js";

export type OpenApiDocument = Readonly<Record<string, unknown>> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

/** RFC 9457, as `HttpProblem` writes it. */
export const problemSchema = named(
  "Problem",
  z.strictObject({
    type: z.literal("about:blank"),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string(),
    errors: z.array(z.strictObject({ pointer: z.string(), message: z.string() })).optional(),
  }),
);

const DEPENDENT_PROBLEM = "default";

/**
 * A route that tells nothing of itself is there by its path alone: {@link undescribed} finds it.
 * @throws Error where two different schemas have one name
 */
export async function describeApp(app: { readonly router: object }): Promise<OpenApiDocument> {
  const schemas = new JsonSchemas();
  const paths: Record<string, Record<string, unknown>> = {};
  const problems = new Set<number>();
  for (const route of mountedRoutes(app)) {
    const path = templateOf(route.path);
    paths[path] = { ...paths[path], [route.method]: operationOf(route, schemas) };
    for (const status of route.facts.problems ?? []) problems.add(status);
    // It takes a while altogether, and requests are not to wait for it.
    await setImmediate();
  }
  const problemContent = { "application/problem+json": { schema: schemas.ofOutput(problemSchema) } };
  const responses = Object.fromEntries(
    [...problems]
      .sort((one, other) => one - other)
      .map((status) => [
        nameOf(status),
        { description: STATUS_CODES[status] ?? "", content: problemContent },
      ]),
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "CRM",
      version: "1",
      description:
        "Paths are in lower case, without percent-encoding and without a slash at the end. Parameters that an operation does not name are refused with 400.",
    },
    servers: [{ url: "/" }],
    tags: [...new Set(Object.keys(paths).map(tagOf))].sort().map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components,
      responses: {
        ...responses,
        [nameOf(DEPENDENT_PROBLEM)]: { description: "Any other problem", content: problemContent },
      },
      securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
    },
  };
}

/** What is missing for a whole description: "GET /api/quotes: summary, answers". */
export function undescribed(app: { readonly router: object }): string[] {
  return mountedRoutes(app).flatMap(({ method, path, facts }) => {
    const named = facts.params
      ? new JsonSchemas().parametersOf(facts.params, "path").map(({ name }) => name)
      : [];
    const missing = [
      ...(facts.summary === undefined ? ["summary"] : []),
      ...(facts.answers === undefined ? ["answers"] : []),
      ...(namesIn(path).every((name) => named.includes(name)) ? [] : ["params"]),
    ];
    return missing.length > 0 ? [`${method.toUpperCase()} ${path}: ${missing.join(", ")}`] : [];
  });
}

function operationOf({ method, path, facts }: MountedRoute, schemas: JsonSchemas): Record<string, unknown> {
  const {
    summary = `${method.toUpperCase()} ${path}`,
    answers = {},
    params,
    query,
    body,
    problems = [],
  } = facts;
  const parameters = [
    ...pathParameters(path, params, schemas),
    ...(query ? schemas.parametersOf(query, "query") : []),
  ];
  const description = [facts.description, needsOf(facts)].filter((text) => text !== undefined).join(" ");
  return {
    operationId: operationIdOf(method, path),
    tags: [tagOf(path)],
    summary,
    ...(description !== "" && { description }),
    security: securityOf(facts),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: requestBodyOf(body, schemas) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          responseOf(status, answer, facts, schemas),
        ]),
      ),
      ...(facts.isConditional && { 304: { description: "The client has it already." } }),
      ...Object.fromEntries(
        problems.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }]),
      ),
      default: { $ref: `#/components/responses/${nameOf(DEPENDENT_PROBLEM)}` },
    },
  };
}

/** One without a schema is some text. */
function pathParameters(path: string, params: z.ZodType | undefined, schemas: JsonSchemas): Parameter[] {
  const described = params ? schemas.parametersOf(params, "path") : [];
  return namesIn(path).map(
    (name) =>
      described.find((parameter) => parameter.name === name) ?? {
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
      },
  );
}

const namesIn = (path: string) => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? "");

function requestBodyOf(body: z.ZodType | Bytes, schemas: JsonSchemas): Record<string, unknown> {
  // No body at all is taken for `{}`.
  const required = !isSchema(body) || !body.safeParse({}).success;
  return { required, content: contentOf(body, (schema) => schemas.ofInput(schema)) };
}

function responseOf(status: string, answer: Answer, { isConditional }: Facts, schemas: JsonSchemas) {
  const headers = {
    ...(isConditional && status === "200" && { ETag: textHeader, "Cache-Status": textHeader }),
    ...(status === "201" && { Location: textHeader }),
  };
  return {
    description: STATUS_CODES[status] ?? "",
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(answer !== "empty" && { content: contentOf(answer, (schema) => schemas.ofOutput(schema)) }),
  };
}

const textHeader = { schema: { type: "string" } };

function contentOf(content: z.ZodType | Bytes, schemaOf: (schema: z.ZodType) => unknown) {
  if (isSchema(content)) return { "application/json": { schema: schemaOf(content) } };
  return { [content.mediaType]: {} };
}

const isSchema = (value: z.ZodType | Bytes): value is z.ZodType => "safeParse" in value;

function securityOf({ token }: Facts): readonly object[] {
  if (token === "needed") return [{ token: [] }];
  return token === "read" ? [{}, { token: [] }] : [];
}

const needsOf = ({ needs }: Facts) => needs && `Needs ${needs.join(" and ")}.`;
const nameOf = (status: number | string) => `Problem-${status}`;
const templateOf = (path: string) => path.replace(/:(\w+)/g, "{$1}");

/** The first segment that says what it is about. */
function tagOf(path: string): string {
  const [first = "", second] = path.split("/").filter((segment) => segment !== "");
  return first === "api" && second !== undefined ? second : first;
}

/** "getAccountsById", of GET /api/accounts/:id; what is outside of /api says so: "getRootHealth". */
function operationIdOf(method: string, path: string): string {
  const words = path
    .replace(/^\/(?:api\b)?/, (start) => (start === "/" ? "root/" : ""))
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => segment.replace(/^:/, "by-"));
  return [method, ...words]
    .flatMap((word) => word.split(/[^A-Za-z0-9]+/))
    .map((word, index) => (index === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
    .join("");
}
