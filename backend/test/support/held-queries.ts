// A pool whose answers to some queries are held back until the test lets them go: a reader that is overtaken.
import type { Pool, PoolClient } from "pg";

export interface HeldQueries {
  readonly pool: Pool;
  /** Resolves when the database has answered a query that is now held. */
  readonly held: Promise<void>;
  release(): void;
}

/** Holds the answers to statements that match, each until `release`. Everything else passes. */
export function holdQueries(pool: Pool, statement: RegExp): HeldQueries {
  const held = signal();
  const released = signal();
  const holding = (client: PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (name !== "query" || typeof member !== "function")
          return typeof member === "function" ? member.bind(target) : member;
        return async (text: unknown, ...rest: unknown[]) => {
          const answer: unknown = await member.call(target, text, ...rest);
          if (typeof text === "string" && statement.test(text)) {
            held.give();
            await released.given;
          }
          return answer;
        };
      },
    });
  const wrapped = new Proxy(pool, {
    get(target, name) {
      if (name === "connect") return async () => holding(await target.connect());
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  return { pool: wrapped, held: held.given, release: released.give };
}

function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}
