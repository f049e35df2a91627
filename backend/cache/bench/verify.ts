// Before anything is measured: fills the subject, and looks at every answer that the load will ask for.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import { messageOf } from "../src/thrown.js";
import { HOST, type LoadRequest } from "./load/request.js";
import type { SubjectProcess } from "./start-subject.js";
import type { Subject } from "./subjects.js";
import { faultOf, requestFor, type SeenAnswer, type Variant } from "./variants.js";
import type { HotList } from "./workload.js";

const CONNECTIONS = 4;
const ATTEMPTS_WITHOUT_PROGRESS = 10;
const GIVE_UP_AFTER_MS = 120_000;
/** A machine that stands still for longer than the cache waits for Redis: those requests go to the handler. */
const TOLERATED_MISSES = 0.01;
const ATTEMPT_AFTER_MS = 100;

/** A list, and the body that is right for it. */
export interface ExpectedList extends HotList {
  readonly body: Buffer;
}

/**
 * The requests of one variant, after each of them has been answered right, and without a handler where that is claimed.
 * @throws Error that says what the subject has answered wrong
 */
export async function verify(
  subject: Subject,
  process: SubjectProcess,
  lists: readonly ExpectedList[],
  variant: Variant,
): Promise<readonly LoadRequest[]> {
  const pool = new Pool(`http://127.0.0.1:${process.port}`, { connections: CONNECTIONS });
  try {
    const expected = expectedOf(subject, lists);
    const requests = new Map<ExpectedList, LoadRequest>();
    let pending = expected;
    let fault = "";
    // What is stored and compressed behind a response may take its time.
    const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS;
    for (let attempts = 0; attempts < ATTEMPTS_WITHOUT_PROGRESS; attempts++) {
      if (performance.now() > giveUpAtMs) break;
      if (requests.size > 0) await delay(ATTEMPT_AFTER_MS);
      const runsBefore = await process.ask<number>("handlerRuns");
      const faults = await askForAll(pool, pending, variant, requests);
      const runs = (await process.ask<number>("handlerRuns")) - runsBefore;
      const areHits = subject.handler !== "hits" || runs <= pending.length * TOLERATED_MISSES;
      if (faults.size < pending.length && areHits) attempts = 0;
      if (faults.size === 0 && areHits) return expected.flatMap((list) => requests.get(list) ?? []);
      const [wrong] = faults;
      fault = wrong
        ? `${wrong[1]} for ${wrong[0].target} of ${wrong[0].tenant}`
        : `${runs} of ${pending.length} requests were not answered from the cache`;
      // After misses all are looked at again; else only those that were wrong.
      pending = areHits ? [...faults.keys()] : expected;
    }
    throw new Error(fault);
  } catch (error) {
    throw new Error(`${subject.title}, ${variant}: ${messageOf(error)}`, { cause: error });
  } finally {
    await pool.destroy();
  }
}

/** What is wrong with which answer. */
async function askForAll(
  pool: Pool,
  lists: readonly ExpectedList[],
  variant: Variant,
  requests: Map<ExpectedList, LoadRequest>,
): Promise<ReadonlyMap<ExpectedList, string>> {
  const faults = new Map<ExpectedList, string>();
  const left = lists.values();
  const worker = async () => {
    // One iterator of all workers: each takes what the others have not.
    for (const list of left) {
      const etag = variant === "304" ? await etagOf(pool, list) : undefined;
      const request = requestFor(variant, list, etag);
      requests.set(list, request);
      const fault = faultOf(variant, await send(pool, request), list.body);
      if (fault !== undefined) faults.set(list, fault);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return faults;
}

/**
 * Asks for each of them once, and reads the answers.
 * @throws Error where one has not the status 200
 */
export async function askForEach(port: number, requests: readonly LoadRequest[]): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS });
  let next = 0;
  const worker = async () => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      const { status } = await send(pool, request);
      if (status !== 200) throw new Error(`status ${status} for ${request.target}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  } finally {
    await pool.destroy();
  }
}

/** Those without a handler answer all lists with the body of the first. */
function expectedOf(subject: Subject, lists: readonly ExpectedList[]): readonly ExpectedList[] {
  const [first] = lists;
  if (subject.handler !== "none" || !first) return lists;
  return lists.map((list) => ({ ...list, body: first.body }));
}

async function etagOf(pool: Pool, list: HotList): Promise<string | undefined> {
  const { headers } = await send(pool, requestFor("200", list));
  return typeof headers.etag === "string" ? headers.etag : undefined;
}

async function send(pool: Pool, { method, target, headers }: LoadRequest): Promise<SeenAnswer> {
  const answer = await pool.request({ method, path: target, headers: { Host: HOST, ...headers } });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.from(await answer.body.arrayBuffer()),
  };
}
