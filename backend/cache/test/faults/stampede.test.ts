// A stampede: many requests for a cold key at once, in one process and in several, run one handler in all.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import type { ColdListMessage } from "../support/cold-list-process.js";
import { gate } from "../support/http-app.js";

const PROGRAM = projectFile("dist/backend/cache/test/support/cold-list-process.js");
const REQUESTS = 200;

describe("a stampede", () => {
  let redis: RedisServer;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    for (const child of children) child.kill();
    await redis.stop();
  });

  for (const processes of [1, 4]) {
    test(`${REQUESTS} requests for a cold key, ${processes} process(es): one handler run in all`, async () => {
      const keyPrefix = `${randomUUID()}:`;
      const allCame = gate();
      const counts = { "request-came": 0, "handler-ran": 0 };
      const open = async () => {
        const child = fork(PROGRAM, [redis.url, keyPrefix]);
        children.push(child);
        const listening = gate<string>();
        child.on("message", (message: ColdListMessage) => {
          if (message.kind === "listening") return listening.open(message.url);
          if (++counts[message.kind] === REQUESTS) allCame.open();
        });
        const ended = once(child, "exit").then(() => Promise.reject(new Error("a process did not start")));
        return { child, url: await Promise.race([listening.passed, ended]) };
      };
      const started = await Promise.all(Array.from({ length: processes }, open));
      const answers = Array.from({ length: REQUESTS }, async (_, index) => {
        const url = started[index % processes]?.url ?? "";
        const response = await fetch(`${url}/list`, { headers: { "x-tenant": "tenant-1" } });
        return response.text();
      });
      await allCame.passed;
      for (const { child } of started) child.send("answer");
      assert.equal(new Set(await Promise.all(answers)).size, 1, "all have the one handler's answer");
      assert.equal(counts["handler-ran"], 1);
    });
  }
});
