// From zod schemas to the JSON Schemas of an OpenAPI description: named ones are written once, as components.
// Tests: test/unit/openapi-document.test.ts
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { jsonSchemaWrittenFor, schemaNames } from "./named-schemas.js";

export type JsonSchema = Readonly<Record<string, unknown>>;

/** A query or path parameter, as OpenAPI writes it. */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

const EXACT_FORMATS = new Set(["uuid", "date", "date-time"]);
const COMPONENTS = "#/components/schemas/";

export class JsonSchemas {
  /** The named ones that were met, by name. */
  readonly components: Record<string, JsonSchema> = {};
  /** Many operations share their parameters and records. */
  readonly #converted = { input: new Map<z.ZodType, JsonSchema>(), output: new Map<z.ZodType, JsonSchema>() };

  /** What a client may send. */
  ofInput(schema: z.ZodType): JsonSchema {
    return this.#convert(schema, "input");
  }

  /** What a client gets. */
  ofOutput(schema: z.ZodType): JsonSchema {
    return this.#convert(schema, "output");
  }

  /**
   * The properties of an object's schema. Parameters are text on their way: where the schema makes a number or a truth value of one, that
   * is what it is called, because OpenAPI writes these as text, too.
   * @throws Error where the schema is not one of an object
   */
  parametersOf(schema: z.ZodType, where: "path" | "query"): Parameter[] {
    const object = objectIn(schema);
    if (!object) throw new Error(`the ${where} is described by a schema that is not one of an object`);
    return Object.entries(object.shape).map(([name, property]) => {
      const { description, ...typed } = this.#ofParameter(property);
      const required = where === "path" || !property.safeParse(undefined).success;
      return {
        name,
        in: where,
        required,
        ...(typeof description === "string" && { description }),
        schema: typed,
      };
    });
  }

  #ofParameter(property: z.ZodType): JsonSchema {
    const made = this.#convert(property, "output");
    const isPlain = made.type === "integer" || made.type === "number" || made.type === "boolean";
    return isPlain ? made : this.#convert(property, "input");
  }

  #convert(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    const known = this.#converted[io].get(schema);
    if (known) return known;
    const {
      $schema: _dialect,
      $defs = {},
      ...root
    } = z.toJSONSchema(schema, {
      io,
      metadata: schemaNames,
      // What a transformation makes never leaves the process.
      unrepresentable: "any",
      override: ({ zodSchema, jsonSchema }) => {
        const instead = jsonSchemaWrittenFor(zodSchema);
        if (instead) {
          for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
          Object.assign(jsonSchema, instead);
        } else if (io === "input" && zodSchema instanceof z.ZodPipe) {
          Object.assign(jsonSchema, this.#alsoChecked(zodSchema, jsonSchema));
        }
        // The format says it, and shorter.
        if (EXACT_FORMATS.has(String(jsonSchema.format))) Reflect.deleteProperty(jsonSchema, "pattern");
      },
    });
    for (const [name, definition] of Object.entries($defs)) this.#add(name, asComponent(definition));
    const made = asComponent(root);
    this.#converted[io].set(schema, made);
    return made;
  }

  /** A text that is trimmed and then checked again has to be what both say: an address, and not too long. */
  #alsoChecked({ out }: z.ZodPipe, first: JsonSchema): JsonSchema {
    if (!(out instanceof z.ZodType) || out instanceof z.ZodTransform) return {};
    const second = this.#convert(out, "input");
    return second.type === first.type ? second : {};
  }

  /** @throws Error where two different schemas have one name: a client would read one of them for the other */
  #add(name: string, definition: JsonSchema): void {
    const known = this.components[name];
    if (known && !isDeepStrictEqual(known, definition))
      throw new Error(
        `two different schemas are called ${name} in the OpenAPI description: name one otherwise`,
      );
    this.components[name] = definition;
  }
}

/** Definitions of zod are components here; the name is no part of the schema. */
function asComponent(definition: object): JsonSchema {
  const { id: _name, ...rest } = JSON.parse(
    JSON.stringify(definition, (key, value) =>
      key === "$ref" && typeof value === "string" ? value.replace("#/$defs/", COMPONENTS) : value,
    ),
  );
  return rest;
}

/** The object that a query is checked as, before something else is made of it. */
function objectIn(schema: z.ZodType): z.ZodObject<Record<string, z.ZodType>> | undefined {
  if (schema instanceof z.ZodObject) return schema;
  if (schema instanceof z.ZodPipe && schema.in instanceof z.ZodType) return objectIn(schema.in);
  return undefined;
}
