// Whether a backend can know that a master has been replaced: what sentinels tell it, on connections of the checker's own.
import { Redis, type RedisOptions } from "ioredis";
import { machineNowMs } from "./clock.js";

const SWITCH = "+switch-master";

/**
 * Hears from every sentinel, in the process and so in the event loop of the backend: what has been heard
 * here, a listener beside it has been told, too.
 */
export class FailoverNews {
  /** By the port of the server that was replaced. */
  readonly #toldAtMs = new Map<number, number>();

  async listen({ sentinels = [] }: RedisOptions): Promise<void> {
    await Promise.all(sentinels.map(({ host = "127.0.0.1", port = 26379 }) => this.#hear(host, port)));
  }

  /** When everybody in this process had surely heard that the server has been replaced. */
  toldAtMs(port: number): number | undefined {
    return this.#toldAtMs.get(port);
  }

  async #hear(host: string, port: number): Promise<void> {
    const [listener, asker] = [new Redis({ host, port }), new Redis({ host, port })];
    for (const client of [listener, asker]) client.on("error", () => undefined);
    listener.on("message", (_channel, message: string) => void this.#heard(message, asker));
    await listener.subscribe(SWITCH);
  }

  async #heard(message: string, asker: Redis): Promise<void> {
    const [, , replacedPort, , masterPort] = message.split(" ").map(Number);
    if (replacedPort === undefined || masterPort === undefined) return;
    this.#toldAtMs.delete(masterPort);
    try {
      // A sentinel tells all its listeners before it answers the next question; what has arrived is read
      // within two turns.
      await asker.ping();
      for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    } catch {
      return;
    }
    this.#toldAtMs.set(replacedPort, machineNowMs());
  }
}
