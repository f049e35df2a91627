// Test servers from Docker, where no local binary is: the images of docker-compose.yml through testcontainers.
import { ValkeyContainer } from "@testcontainers/valkey";
import { imageOf } from "./compose.js";
import type { RedisServer } from "./redis-server.js";

const REDIS_PORT = 6379;

/** The same handle as a local server's: SIGSTOP and SIGKILL become pause and kill of the container. */
export async function startRedisContainer(flags: readonly string[]): Promise<RedisServer> {
  const container = await new ValkeyContainer(imageOf("redis-cache"))
    .withCommand(["valkey-server", ...flags])
    .withAutoRemove(false)
    .start();
  const client = await import("testcontainers").then(({ getContainerRuntimeClient }) =>
    getContainerRuntimeClient(),
  );
  const handle = client.container.getById(container.getId());
  const inspectPort = async () => {
    const { NetworkSettings } = await handle.inspect();
    const [binding] = NetworkSettings.Ports[`${REDIS_PORT}/tcp`] ?? [];
    return Number(binding?.HostPort ?? container.getMappedPort(REDIS_PORT));
  };
  const host = container.getHost();
  const server = {
    host,
    port: await inspectPort(),
    get url() {
      return `redis://${this.host}:${this.port}`;
    },
    pause: async () => void (await handle.pause()),
    resume: async () => void (await handle.unpause()),
    kill: async () => void (await handle.kill()),
    async restart() {
      await handle.restart();
      this.port = await inspectPort();
    },
    stop: async () => void (await container.stop()),
  };
  return server;
}
