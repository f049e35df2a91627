// Test servers from Docker, where no local binary is: the images of docker-compose.yml through testcontainers.
import { ValkeyContainer } from "@testcontainers/valkey";
import { findFreePort } from "../db/free-port.js";
import { imageOf } from "./compose.js";
import type { RedisServer } from "./redis-server.js";

const REDIS_PORT = 6379;

/** The same handle as a local server's: SIGSTOP and SIGKILL become pause and kill of the container. */
export async function startRedisContainer(flags: readonly string[]): Promise<RedisServer> {
  // A port of our choice: one that Docker picks would be another after a restart.
  const port = await findFreePort();
  const container = await new ValkeyContainer(imageOf("redis-cache"))
    .withCommand(["valkey-server", ...flags])
    .withExposedPorts({ container: REDIS_PORT, host: port })
    .withAutoRemove(false)
    .start();
  const client = await import("testcontainers").then(({ getContainerRuntimeClient }) =>
    getContainerRuntimeClient(),
  );
  const handle = client.container.getById(container.getId());
  const host = container.getHost();
  const inspectPid = async () => (await handle.inspect()).State.Pid;
  const server = {
    host,
    port,
    pid: await inspectPid(),
    get url() {
      return `redis://${this.host}:${this.port}`;
    },
    pause: async () => void (await handle.pause()),
    resume: async () => void (await handle.unpause()),
    kill: async () => void (await handle.kill()),
    async restart() {
      await handle.restart();
      this.pid = await inspectPid();
    },
    stop: async () => void (await container.stop()),
  };
  return server;
}
