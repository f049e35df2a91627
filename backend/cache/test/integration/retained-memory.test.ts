// What requests leave behind: counted in bytes, after many that are all different and as long as Node lets them be.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Pool } from "undici";
import { tell } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { FloodedServerReady, Held } from "../support/flooded-server.js";

const MIB = 1024 * 1024;
/** Characters that each flood sends, beside what is the same in all its requests. */
const SENT = 4 * MIB;
/** What one flood may leave: less than it has sent, by more than a heap changes by itself. */
const MAX_LEFT_BYTES = (SENT * 3) / 4;
/** What all floods together may leave. */
const MAX_HELD_BYTES = 40 * MIB;
/** Node takes 16 KiB of header by default. */
const LONG = 14_000;
/** Within what is cached, but not within what is remembered. */
const CACHED = 3900;
/** Requests at a time. */
const CONCURRENCY = 32;

interface Sent {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How long its texts are, and a request with one. */
type Flood = readonly [length: number, make: (text: string) => Sent];

const header = (name: string) => (value: string) => ({ headers: { [name]: value } });

const FLOODS: Readonly<Record<string, Flood>> = {
  URLs: [LONG, (text) => ({ path: `/list?q=${text}` })],
  "URLs that are cached": [CACHED, (text) => ({ path: `/list?q=${text}` })],
  "names of parameters": [LONG, (text) => ({ path: `/list?${text}=1` })],
  paths: [LONG, (text) => ({ path: `/${text}` })],
  "URLs that bypass": [LONG, (text) => ({ path: `/known?junk=${text}` })],
  "URLs whose answers are not stored": [CACHED, (text) => ({ path: `/unstorable?q=${text}` })],
  hosts: [LONG, header("host")],
  "forwarded hosts": [LONG, (text) => ({ headers: { "x-forwarded-host": `api.example.com, ${text}` } })],
  "forwarded schemes": [LONG, (text) => ({ headers: { "x-forwarded-proto": `https, ${text}` } })],
  "names of headers": [LONG, (text) => ({ headers: { [`x-${text}`]: "1" } })],
  versions: [LONG, (text) => ({ path: "/varied", ...header("x-version")(text) })],
  "versions that are cached": [CACHED, (text) => ({ path: "/varied", ...header("x-version")(text) })],
  scopes: [LONG, (text) => ({ path: "/scoped", ...header("x-role")(text) })],
  "scopes that are cached": [CACHED, (text) => ({ path: "/scoped", ...header("x-role")(text) })],
  cookies: [LONG, header("cookie")],
  tokens: [LONG, header("authorization")],
  "accepted codings": [LONG, (text) => ({ headers: { "accept-encoding": `br, ${text}` } })],
  validators: [LONG, header("if-none-match")],
  "names that handlers vary by": [LONG, (text) => ({ path: "/said", ...header("x-vary")(text) })],
  "headers that handlers repeat": [
    LONG,
    (text) => ({ path: `/list?q=${text.slice(0, 9)}`, ...header("x-echo")(text) }),
  ],
  "tenants that are none": [LONG, header("x-tenant")],
  "parts of cookies that are tenants": [
    LONG,
    (text) => ({ headers: { cookie: `t=${text.slice(0, 9)}${TENANT};${text}` } }),
  ],
};
const TENANT = "-of-a-cookie";

/** What may leave something, since it is remembered: fences, figures, names. */
const REMEMBERED: Readonly<Record<string, Flood>> = {
  tenants: [120, header("x-tenant")],
  hosts: [250, header("host")],
  tags: [2000, (text) => ({ path: "/tagged", ...header("x-tags")(text.replaceAll("j", ",x")) })],
};
const REMEMBERED_REQUESTS = 1500;
/** For each of them. */
const MAX_REMEMBERED_BYTES = 10_000;

let sequence = 0;
/** Another one each time, of characters that are allowed everywhere. */
function different(length: number): string {
  const start = `n${sequence++}.`;
  return start + "abcdefghij".repeat(length / 10).slice(start.length);
}

for (const store of ["memory", "redis"] as const) {
  describe(`what requests leave behind (${store} store)`, () => {
    let child: ChildProcess;
    let pool: Pool;
    let heldAtFirst = 0;

    const held = async (): Promise<number> => {
      child.send("report");
      const [{ bytes }] = (await once(child, "message")) as [Held];
      return bytes;
    };
    const flood = async ([length, make]: Flood, requests = Math.ceil(SENT / length)): Promise<void> => {
      let left = requests;
      const client = async () => {
        while (left-- > 0) {
          const { path = "/list", headers } = make(different(length));
          const usual = { host: "api.example.com", "x-tenant": "tenant-1" };
          const answer = await pool.request({ path, method: "GET", headers: { ...usual, ...headers } });
          await answer.body.dump();
          assert.ok(answer.statusCode < 500, `${answer.statusCode}`);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, client));
    };

    beforeAll(async () => {
      child = fork(fileURLToPath(new URL("../support/flooded-server.js", import.meta.url)), {
        execArgv: ["--expose-gc"],
        env: { ...process.env, FLOODED_REDIS_URL: store === "redis" ? await sharedRedisUrl() : undefined },
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      // One that does not start says so at once, and not by the hook's time.
      const ended = once(child, "exit").then(() => Promise.reject(new Error("the server has not started")));
      ended.catch(() => undefined);
      const [{ port }] = (await Promise.race([once(child, "message"), ended])) as [FloodedServerReady];
      pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONCURRENCY, pipelining: 1 });
      // Code is compiled, and buffers are made, for the first of each kind.
      for (const kind of [...Object.values(FLOODS), ...Object.values(REMEMBERED)])
        await flood(kind, CONCURRENCY);
      heldAtFirst = await held();
    });
    afterAll(async () => {
      await pool?.destroy();
      child?.kill("SIGKILL");
    });

    for (const [name, kind] of Object.entries(FLOODS)) {
      test(`long ${name}`, async () => {
        const leftBy = async () => {
          const start = await held();
          await flood(kind);
          return (await held()) - start;
        };
        let left = await leftBy();
        // What is remembered within bounds fills them once. What is kept for ever is kept of the next ones, too.
        if (left >= MAX_LEFT_BYTES) left = await leftBy();
        tell(`${(left / MIB).toFixed(2)} MiB left`);
        assert.ok(left < MAX_LEFT_BYTES, `${(left / MIB).toFixed(2)} MiB`);
      });
    }

    for (const [name, kind] of Object.entries(REMEMBERED)) {
      test(`many ${name}`, async () => {
        const start = await held();
        await flood(kind, REMEMBERED_REQUESTS);
        const left = ((await held()) - start) / REMEMBERED_REQUESTS;
        tell(`${left.toFixed(0)} bytes each`);
        assert.ok(left < MAX_REMEMBERED_BYTES, `${left.toFixed(0)} bytes each`);
      });
    }

    test("all of it together", async () => {
      const left = (await held()) - heldAtFirst;
      assert.ok(left < MAX_HELD_BYTES, `${(left / MIB).toFixed(1)} MiB`);
    });
  });
}
