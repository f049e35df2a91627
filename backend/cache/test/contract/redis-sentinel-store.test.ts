// The store contract, for a master that is found through Sentinel.
import { afterAll, beforeAll } from "@jest/globals";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./register-contract.js";

let sentinels: Awaited<ReturnType<typeof startRedisSentinels>>;
beforeAll(async () => {
  sentinels = await startRedisSentinels();
});
afterAll(() => sentinels.stop());

describeStore("redis through sentinel", {
  open: (keys) => new RedisStore(connect(sentinels.options), keys),
});
