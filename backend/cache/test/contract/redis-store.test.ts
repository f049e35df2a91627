// The store contract, for one server, of each kind that this machine has.
import path from "node:path";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { type RedisServer, redisBinaries, startRedisServer } from "../../../servers/index.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./register-contract.js";

// The one that all suites use, and what else there is.
for (const program of [undefined, ...redisBinaries().slice(1)]) {
  const name = program === undefined ? "redis" : `${path.basename(program)}, too`;
  describe(name, () => {
    // Of its own: the contract counts what is in it.
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedisServer(program === undefined ? {} : { program });
    });
    afterAll(() => server.stop());
    describeStore(name, { open: (keys) => new RedisStore(connect(server.url), keys) });
  });
}
