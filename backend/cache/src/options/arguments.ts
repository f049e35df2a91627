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

/** @throws TenantCacheError `ETC_ARGUMENTS` where the argument is no array of objects */
export function requireItems(call: string, argument: unknown, write: string): void {
  requireArray(call, argument, "what is to be stored", write);
  const odd = (argument as unknown[]).findIndex((item) => typeof item !== "object" || item === null);
  if (odd === -1) return;
  const item = (argument as unknown[])[odd];
  throw new TenantCacheError("ETC_ARGUMENTS", `${call}: item ${odd} is ${shown(item)}: write ${write}`);
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
