// Before anything is measured: fills the subject, and looks at every answer that the load will ask for.
import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { LoadRequest } from "./load/request.js";
import type { SubjectProcess } from "./subject-process.js";
import type { Subject } from "./subjects.js";
import { faultOf, requestFor, type SeenAnswer, type Variant } from "./variants.js";
import type { HotList } from "./workload.js";

const CONNECTIONS = 16;
const ATTEMPTS = 20;
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
    let fault = "";
    // What is stored and compressed behind a response may take its time.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await delay(ATTEMPT_AFTER_MS);
      const runsBefore = await process.ask<number>("handlerRuns");
      const pass = await askForAll(pool, lists, variant);
      const runs = (await process.ask<number>("handlerRuns")) - runsBefore;
      if (pass.fault === undefined && (runs === 0 || subject.handler !== "hits")) return pass.requests;
      fault = pass.fault ?? `${runs} of ${lists.length} requests were not answered from the cache`;
    }
    throw new Error(`${subject.title}, ${variant}: ${fault}`);
  } finally {
    await pool.destroy();
  }
}

async function askForAll(
  pool: Pool,
  lists: readonly ExpectedList[],
  variant: Variant,
): Promise<{ requests: LoadRequest[]; fault: string | undefined }> {
  const requests: LoadRequest[] = new Array(lists.length);
  let fault: string | undefined;
  let next = 0;
  const worker = async () => {
    while (next < lists.length) {
      const index = next++;
      const list = lists[index];
      if (!list) return;
      const etag = variant === "304" ? await etagOf(pool, list) : undefined;
      const request = requestFor(variant, list, etag);
      requests[index] = request;
      const found = faultOf(variant, await send(pool, request), list.body);
      if (found !== undefined) fault = `${found} for ${list.target} of ${list.tenant}`;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return { requests, fault };
}

async function etagOf(pool: Pool, list: HotList): Promise<string | undefined> {
  const { headers } = await send(pool, requestFor("200", list));
  return typeof headers.etag === "string" ? headers.etag : undefined;
}

async function send(pool: Pool, { method, target, headers }: LoadRequest): Promise<SeenAnswer> {
  const answer = await pool.request({ method, path: target, headers });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: Buffer.from(await answer.body.arrayBuffer()),
  };
}
