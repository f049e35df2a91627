// How calls check their arguments: what is too much, or in the wrong place, is refused instead of ignored.
import { TenantCacheError } from "../errors.js";
import { shown } from "../shown.js";

/**
 * Refuses arguments that a call does not take. Without this the second name of `count("a", "b")` would be
 * forgotten without a word.
 *
 * @param write the call as it should be written
 * @throws TenantCacheError `ETC_ARGUMENTS`
 */
export function refuseSurplus(call: string, surplus: readonly unknown[], write: string): void {
  const first = surplus.find((argument) => argument !== undefined);
  if (first === undefined) return;
  throw new TenantCacheError(
    "ETC_ARGUMENTS",
    `${call} was given ${shown(first)}, beyond the arguments that it takes: write ${write}`,
  );
}

/**
 * Whether Express, or Node's server, has called with a request what should have been called when it was
 * mounted.
 */
export function isRequest(argument: unknown): boolean {
  if (typeof argument !== "object" || argument === null) return false;
  return "method" in argument && "url" in argument && "headers" in argument;
}

/** @throws TenantCacheError `ETC_ARGUMENTS` where the argument is no function */
export function requireFunction(call: string, argument: unknown, name: string, write: string): void {
  if (typeof argument === "function") return;
  throw new TenantCacheError("ETC_ARGUMENTS", `${call}: ${name} is ${shown(argument)}: write ${write}`);
}

/**
 * @param known what members of an item may be called. Default: whoever parses the items says it
 * @throws TenantCacheError `ETC_ARGUMENTS` where the argument is no array of objects
 */
export function requireItems(
  call: string,
  argument: unknown,
  write: string,
  known?: readonly string[],
): void {
  requireArray(call, argument, "what is to be stored", write);
  for (const [index, item] of (argument as unknown[]).entries()) {
    const isObject = typeof item === "object" && item !== null;
    const stray = isObject && known ? strayMember(item, known) : undefined;
    if (isObject && stray === undefined) continue;
    const problem = isObject ? `has ${stray}, which belongs to no item` : `is ${shown(item)}`;
    throw new TenantCacheError("ETC_ARGUMENTS", `${call}: item ${index} ${problem}: write ${write}`);
  }
}

/**
 * For objects that are read too often, or too simple, for a schema.
 *
 * @param known what their members may be called
 * @returns one that the object should not have; what is `undefined` is not given
 */
export function strayMember(given: object, known: readonly string[]): string | undefined {
  for (const name in given) if (!known.includes(name) && Reflect.get(given, name) !== undefined) return name;
  return undefined;
}

/** @throws TenantCacheError `ETC_ARGUMENTS` where the argument is no array */
export function requireArray(call: string, argument: unknown, name: string, write: string): void {
  if (Array.isArray(argument)) return;
  throw new TenantCacheError("ETC_ARGUMENTS", `${call}: ${name} is ${shown(argument)}: write ${write}`);
}

/** How many arguments a method takes, and how a call with more of them should be written. */
type Limit = readonly [most: number, write: string];

type MethodNames<T> = {
  [Name in keyof T]: T[Name] extends (...args: never[]) => unknown ? Name : never;
}[keyof T];

/**
 * Has methods of a class refuse surplus arguments: those that return a promise reject. For a class's `static`
 * block.
 */
export function limitArguments<T extends object>(
  { name: className, prototype }: { readonly name: string; readonly prototype: T },
  limits: Partial<Record<MethodNames<T>, Limit>>,
): void {
  for (const [name, limit] of Object.entries(limits)) {
    const [most, write] = limit as Limit;
    const method = Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
    const isAsync = method.constructor.name === "AsyncFunction";
    const limited = function (this: T, ...args: unknown[]): unknown {
      if (args.length <= most) return Reflect.apply(method, this, args);
      try {
        refuseSurplus(`${className}.${name}`, args.slice(most), write);
      } catch (error) {
        if (isAsync) return Promise.reject(error);
        throw error;
      }
      return Reflect.apply(method, this, args);
    };
    Object.defineProperty(prototype, name, { value: limited, writable: true, configurable: true });
  }
}
