// Redis goes away from everybody while leases are held: hits go on for a moment, and no answer to a write overtakes them.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { READY_WITHIN_MS } from "../support/caches.js";
import { becomesLeased, leasedWorld, timed } from "../support/leased-world.js";

const LEASE_MS = 100;
const ROUNDS = 5;
const BUDGET_MS = 20;

interface Fault {
  readonly name: string;
  readonly begin: (server: RedisServer) => Promise<void>;
  readonly end: (server: RedisServer) => Promise<void>;
}

const FAULTS: readonly Fault[] = [
  { name: "is killed", begin: (server) => server.kill(), end: (server) => server.restart() },
  { name: "hangs", begin: (server) => server.pause(), end: (server) => server.resume() },
];

async function startWorld() {
  const server = await startRedisServer();
  closeAfterTest({ close: () => server.stop() });
  const world = await leasedWorld(server.url);
  const options = { cache: { budgetMs: BUDGET_MS } };
  const [writer, reader] = await Promise.all([world.join(options), world.join(options)]);
  return { ...world, server, writer, reader };
}

for (const { name, begin, end } of FAULTS) {
  describe(`Redis ${name}`, () => {
    test("the next GET through any process sees what is written then", async () => {
      const { admin, server, writer, reader } = await startWorld();
      for (let n = 1; n <= ROUNDS; n++) {
        await becomesLeased(reader, admin);
        await begin(server);
        await writer.write();
        assert.equal((await reader.read()).version, n);
        await end(server);
        assert.deepEqual(
          await Promise.all([writer, reader].map(({ cache }) => cache.ready(READY_WITHIN_MS))),
          [true, true],
        );
      }
    });

    test("and so do those after everything has been cleared", async () => {
      const { admin, server, truth, writer, reader } = await startWorld();
      await becomesLeased(reader, admin);
      await begin(server);
      truth.version = 1;
      assert.equal(await writer.cache.clear(), false);
      assert.equal((await reader.read()).version, 1);
      await end(server);
    });

    test("nobody waits once no lease can be alive", async () => {
      const { admin, server, writer, reader } = await startWorld();
      await becomesLeased(reader, admin);
      await begin(server);
      await writer.write();
      // A busy machine may hold them up for as long. Each failing attempt to use a server that hangs may cost one of them a lease.
      await until("five writes that wait for less than three leases", async () => {
        const tookMs = await timed(async () => {
          for (let n = 0; n < ROUNDS; n++) await writer.write();
        });
        return tookMs < 3 * LEASE_MS;
      });
      await end(server);
    });
  });
}
