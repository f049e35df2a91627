// A store with a span around what requests ask of it; everything else is the store's own.
// Tests: test/integration/telemetry.test.ts
import type { Attributes } from "../peers.js";
import type { Store } from "../store/store.js";

/** The command that Redis gets, as the semantic conventions want it. */
const COMMANDS: Readonly<Record<string, string>> = {
  read: "MGET",
  beginFill: "EVALSHA",
  commitFill: "EVALSHA",
  abandonFill: "EVALSHA",
  replaceFences: "EVALSHA",
  amendFences: "EVALSHA",
  beginWrite: "EVALSHA",
  endWrite: "EVALSHA",
  remove: "UNLINK",
};

type Work = () => Promise<unknown>;

/**
 * A proxy, and no object that delegates: stores keep private fields, which only their own methods reach, and members that may be
 * absent have to stay so.
 */
export function tracedStore(
  store: Store,
  around: (name: string, attributes: Attributes, work: Work) => Promise<unknown>,
): Store {
  const isRedis = store.kind === "redis";
  const traced = new Map<PropertyKey, unknown>();
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const known = traced.get(name);
      if (known) return known;
      const command = typeof name === "string" && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
      const method = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      const attributes = {
        "etc.operation": String(name),
        ...(isRedis && { "db.system.name": "redis", "db.operation.name": command }),
      };
      const made =
        command === undefined
          ? method
          : (...args: unknown[]) =>
              around(
                isRedis ? command : `store ${String(name)}`,
                attributes,
                () => method(...args) as Promise<unknown>,
              );
      traced.set(name, made);
      return made;
    },
  });
}
