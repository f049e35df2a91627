// The next version rolled out beside this one, and rolled back, while requests go on: none fails, and none is answered from before a change.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { until } from "../../servers/until.js";
import { Balancer } from "../support/balancer.js";
import { copyImageFiles } from "../support/image-files.js";
import {
  type OperatedCrm,
  type RunningBackend,
  startOperatedCrm,
  untilHits,
} from "../support/operated-crm.js";

const LIST = "/api/accounts?limit=1";
const CLIENTS = 4;
const MIGRATION = "9999_next_version";
const nextVersion = mkdtempSync(path.join(tmpdir(), "next-version-"));

/** An installation with one migration more: it changes a table that is read and written meanwhile. */
function installNextVersion(): string {
  copyImageFiles(nextVersion, "linked");
  writeFileSync(
    path.join(nextVersion, "backend/db/migrations", `${MIGRATION}.sql`),
    `ALTER TABLE accounts ADD COLUMN next_version text NOT NULL DEFAULT 'unknown';
     CREATE TABLE next_version (id bigint PRIMARY KEY);`,
  );
  return path.join(nextVersion, "dist/backend/server.js");
}

describe("rolling out", () => {
  let crm: OperatedCrm;
  let balancer: Balancer;
  let first: RunningBackend;
  let second: RunningBackend;
  let next: RunningBackend;
  /** Of a tenant that the clients leave alone. */
  let quiet: string;
  const failures: string[] = [];
  /** By process: how many of its answers the clients have had, and how many of these were hits. */
  const answers = new Map<string, { all: number; hits: number }>();
  let isOver = false;
  let clients: Promise<void>[] = [];

  const newTenant = async (name: string): Promise<string> => {
    await crm.done("tenant", "create", name, "--admin", "admin@t.example");
    return (await crm.done("token", "issue", "--tenant", name, "--email", "admin@t.example")).token;
  };

  /** Writes and reads, one request after the other, through whatever process is next. */
  async function client(token: string): Promise<void> {
    for (let made = 0; !isOver; ) {
      try {
        const created = await send(token, "/api/accounts", { name: `Account ${made}` });
        if (created.status !== 201)
          throw new Error(`POST: ${created.status} ${JSON.stringify(created.body)}`);
        made++;
        // The first one fills, and the others are of any process.
        for (let time = 0; time < 4; time++) {
          const { status, body } = await send(token, LIST);
          if (status !== 200) throw new Error(`GET: ${status} ${JSON.stringify(body)}`);
          if (body.pagination.total !== made)
            throw new Error(`${body.pagination.total} accounts instead of ${made}`);
        }
      } catch (error) {
        failures.push(String(error));
        return;
      }
    }
  }

  async function send(...request: Parameters<Balancer["send"]>) {
    const answer = await balancer.send(...request);
    const counted = answers.get(answer.url) ?? { all: 0, hits: 0 };
    answers.set(answer.url, counted);
    counted.all++;
    if (answer.cache === "hit") counted.hits++;
    return answer;
  }

  /** Each of them has gone on answering, also from the cache. */
  async function goesOn(...backends: RunningBackend[]): Promise<void> {
    for (const { url } of backends) {
      const { all, hits } = { ...(answers.get(url) ?? { all: 0, hits: 0 }) };
      await until(`${url} answers`, () => {
        const now = answers.get(url) ?? { all, hits };
        return failures.length > 0 || (now.all >= all + 20 && now.hits >= hits + 5);
      });
    }
    assert.deepEqual(failures, []);
  }

  /** As an operator stops one: SIGTERM, which the balancer hears of. It ends when nothing is led there any more. */
  async function stop({ url, process }: RunningBackend): Promise<void> {
    process.child.kill("SIGTERM");
    await process.logged("SIGTERM: not ready");
    await balancer.hasLeft(url);
    assert.equal(process.child.exitCode, null, "it waits for those who have not heard yet");
    // Instead of the rest of SHUTDOWN_DELAY_MS.
    process.child.kill("SIGTERM");
    assert.equal(await process.ended, 0);
  }

  beforeAll(async () => {
    // No balancer is slower than that.
    crm = await startOperatedCrm({ env: { SHUTDOWN_DELAY_MS: "600000" } });
    balancer = new Balancer();
    [first, second] = await Promise.all([crm.start(), crm.start()]);
    for (const { url } of [first, second]) balancer.add(url);
    const tokens = [];
    for (let number = 0; number < CLIENTS; number++) tokens.push(await newTenant(`Client ${number}`));
    quiet = await newTenant("Quiet");
    for (const { url } of [first, second]) await balancer.leadsTo(url);
    clients = tokens.map(client);
    await goesOn(first, second);
  });
  afterAll(async () => {
    isOver = true;
    await Promise.all(clients);
    await balancer.close();
    await crm.close();
    rmSync(nextVersion, { recursive: true, force: true });
  });

  test("the next version migrates and serves beside this one, with the same entries", async () => {
    await untilHits(quiet, LIST, [second]);
    next = await crm.start({}, installNextVersion());
    await next.process.logged(`migrated: ${MIGRATION}`);
    balancer.add(next.url);
    await balancer.leadsTo(next.url);
    assert.equal((await next.ask(quiet, LIST)).cache, "hit", "what this version has filled");
    await changesAreSeen(quiet, next, second);
    await changesAreSeen(quiet, second, next);
    await goesOn(first, second, next);
  });

  test("SIGTERM to one of this version, then to the other: no request fails", async () => {
    await stop(first);
    await goesOn(second, next);
    await stop(second);
    await goesOn(next);
  });

  test("back: this version starts on the newer schema, and no request fails", async () => {
    const again = await crm.start();
    balancer.add(again.url);
    await balancer.leadsTo(again.url);
    await changesAreSeen(quiet, again, next);
    await changesAreSeen(quiet, next, again);
    await goesOn(next, again);
    await stop(next);
    await goesOn(again);
    const { text } = again.process.output;
    assert.doesNotMatch(text, /migrated/);
    // How slow and how cold the cache is depends on the machine.
    const told = text
      .split("\n")
      .filter((line) => /"level":[456]0/.test(line) && !/cache alert (?:latency|hit-ratio): /.test(line));
    assert.deepEqual(told, []);
    assert.equal((await crm.done("migrate")).changed, false);
  });

  /** What one of them fills is a hit in the other, and what it writes ends that. */
  async function changesAreSeen(token: string, one: RunningBackend, other: RunningBackend): Promise<void> {
    await untilHits(token, LIST, [one, other]);
    const before = (await other.ask(token, LIST)).body.pagination.total;
    const created = await one.ask(token, "/api/accounts", { method: "POST", body: { name: "Seen" } });
    assert.equal(created.status, 201);
    const { cache, body } = await other.ask(token, LIST);
    assert.deepEqual([cache, body.pagination.total], ["miss", before + 1]);
    await untilHits(token, LIST, [one]);
  }
});
