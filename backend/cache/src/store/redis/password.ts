// Passwords that change: a function is asked for the present one whenever a connection is made.
// Tests: test/faults/rotated-password.test.ts
import type { BackOff } from "../../back-off.js";
import { later } from "../../later.js";
import { messageOf } from "./error-messages.js";
import type { RedisClient } from "./redis-client.js";

/** Called before each connection, also before each that is made again. */
export type PasswordFunction = () => string | Promise<string>;

/**
 * The part of an ioredis client that has to be told. Made with `lazyConnect`: its first connection needs the
 * password as well.
 */
type ToldClient = RedisClient & {
  options: { password?: string };
  connect(): Promise<unknown>;
  emit(event: "error", error: Error): unknown;
};

/** Has a client ask for its password whenever it connects, and try again where it does not get one. */
export function askForPassword(client: RedisClient, password: PasswordFunction, backOff: BackOff): void {
  const told = client as ToldClient;
  const [connect, disconnect] = [told.connect.bind(told), told.disconnect.bind(told)];
  let asking: Promise<unknown> | undefined;
  let isClosed = false;
  const ask = async () => {
    try {
      told.options.password = await password();
    } catch (error) {
      told.emit("error", new Error(`the password function failed (${messageOf(error)})`));
      later(backOff.nextSpread(), () => void (isClosed || told.connect().catch(() => undefined)));
      return;
    }
    if (!isClosed) await connect();
  };
  told.connect = () => {
    isClosed = false;
    if (!asking) {
      asking = ask();
      const done = () => {
        asking = undefined;
      };
      asking.then(done, done);
    }
    return asking;
  };
  told.disconnect = (reconnect) => {
    isClosed = reconnect !== true;
    disconnect(reconnect);
  };
}
