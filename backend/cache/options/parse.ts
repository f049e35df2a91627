// How options are parsed: once, unknown ones refused.
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { moduleName } from "../identifiers.js";

export const fn = <T>() =>
  z.custom<T>((value) => typeof value === "function", { error: "must be a function" });
export const positiveInt = z.int().positive();
export const moduleNames = z.array(z.unknown().transform(moduleName));

/** @throws TenantCacheError `ETC_OPTIONS` */
export function parse<T>(where: string, schema: z.ZodType<T>, options: unknown): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `${where}: ${z.prettifyError(result.error).replaceAll("\n", " ")}`,
  );
}
