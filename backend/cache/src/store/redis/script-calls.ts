// Calls of the Lua scripts: by their hash, once the connection has brought them to its server.
// Tests: test/contract/redis-store.test.ts, test/integration/redis-connection.test.ts
import { hash } from "node:crypto";
import { isError } from "../../thrown.js";
import { KEYED_SCRIPTS } from "./keyed-scripts.js";
import type { RedisClient, ScriptArgument } from "./redis-client.js";
import { SCRIPTS } from "./scripts.js";

const LUA = { ...SCRIPTS, ...KEYED_SCRIPTS };
export type ScriptName = keyof typeof LUA;
const names = Object.keys(LUA) as ScriptName[];
/** By what the server knows each script. */
export const SHA1 = Object.fromEntries(names.map((name) => [name, hash("sha1", LUA[name])])) as Record<
  ScriptName,
  string
>;

export interface ScriptCall {
  readonly name: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly ScriptArgument[];
  /** Whether the reply is wanted as bytes, and not as texts. Default false. */
  readonly asBytes?: boolean;
}

/** The scripts of one connection. */
export class ScriptCalls {
  readonly #brought = new Set<ScriptName>();
  readonly #known = new Set<ScriptName>();

  /** Whether the server has answered to it on this connection, and can be asked for it on others. */
  isKnown(name: ScriptName): boolean {
    return this.#known.has(name);
  }

  /** Called for each new connection: it may lead to a server that has been started anew. */
  forget(): void {
    this.#brought.clear();
    this.#known.clear();
  }

  /**
   * Runs a script. The first call brings it along, so that a server which does not know it is not asked in
   * vain.
   *
   * @param send has the call sent, in the same turn, and waits for what else belongs to it
   */
  async run(
    call: ScriptCall,
    send: (ask: (client: RedisClient) => Promise<unknown>) => Promise<unknown>,
  ): Promise<unknown> {
    if (!this.#brought.has(call.name)) {
      this.#brought.add(call.name);
      const reply = await send((client) => bring(client, call));
      this.#known.add(call.name);
      return reply;
    }
    try {
      return await send((client) => ask(client, call));
    } catch (error) {
      if (!(isError(error) && error.message.startsWith("NOSCRIPT"))) throw error;
      return send((client) => bring(client, call));
    }
  }
}

/** Sends a script along, also through a client that finds the server for itself. */
export function bring(client: RedisClient, { name, keys, args, asBytes }: ScriptCall): Promise<unknown> {
  if (asBytes) return client.evalBuffer(LUA[name], keys.length, ...keys, ...args);
  return client.eval(LUA[name], keys.length, ...keys, ...args);
}

/**
 * Past ioredis's own handling of scripts, which costs a tenth of the round trip that a response waits for.
 */
function ask(client: RedisClient, { name, keys, args, asBytes }: ScriptCall): Promise<unknown> {
  if (asBytes) return client.evalshaBuffer(SHA1[name], keys.length, ...keys, ...args);
  return client.evalsha(SHA1[name], keys.length, ...keys, ...args);
}
