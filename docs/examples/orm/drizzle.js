// Drizzle: a database object whose insert, update and delete tell the cache. `modules` maps tables to modules.
import { getTableName } from "drizzle-orm";

const CHANGES = new Set(["insert", "update", "delete"]);

export function touchedByDrizzle(db, cache, modules) {
  return new Proxy(db, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (name === "transaction")
        return (work, ...rest) =>
          cache.transaction(() =>
            target.transaction((tx) => work(touchedByDrizzle(tx, cache, modules)), ...rest),
          );
      return (...args) => {
        const module = CHANGES.has(name) ? modules[getTableName(args[0])] : undefined;
        if (module) cache.touched(module);
        return member.apply(target, args);
      };
    },
  });
}
