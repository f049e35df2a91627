// Throughput: as much as 32 connections get out of each subject, in every way in which the lists are asked for.

import { messageOf } from "../../src/thrown.js";
import type { Bench } from "../bench.js";
import { listBody, openAccounts } from "../database.js";
import { load } from "../load/load.js";
import type { SuiteReport } from "../report.js";
import { mean } from "../statistics.js";
import { measureStolen } from "../stolen-time.js";
import { BASELINE, QUICK_NAMES, type Subject } from "../subjects.js";
import { type ExpectedList, verify } from "../verify.js";
import { hotLists, ownerOf } from "../workload.js";
import type { Contender, Visit } from "./contender.js";
import { reportThroughput } from "./throughput-report.js";

const CONNECTIONS = 32;
const SECONDS = { quick: 1, full: 2 };
// The compiler needs some thousands of requests.
const WARM_UP_SECONDS = { quick: 1, full: 5 };
// A machine that stands still for longer than the cache waits for Redis: those requests go to the handler.
const TOLERATED_MISSES = 0.001;
// It asks the app again from time to time.
const TOLERATED_APP_RUNS = 0.05;

// Rounds come back to a subject after minutes: what it asks again after a while (the lane its app), it does first.
const RUN_IN_SECONDS = 2;
// A shared machine is another one after some minutes: each visit is compared with those of bare Express around it.
const VISITS_BETWEEN_BASELINES = 4;

export async function throughput(bench: Bench): Promise<SuiteReport> {
  const { quick, rounds, subjects } = bench.options;
  const lists = await expectedLists(bench);
  const contenders: Contender[] = [];
  const failures: string[] = [];
  for (const subject of subjects) {
    try {
      contenders.push(...(await enter(bench, subject, lists, failures)));
    } catch (error) {
      failures.push(`${subject.title}: ${messageOf(error)}`);
    }
  }
  const seconds = quick ? SECONDS.quick : SECONDS.full;
  const broken = new Set<Contender>();
  /** One that breaks under the load is out, and named. */
  const visitUnbroken = async (contender: Contender, seconds: number): Promise<Visit | undefined> => {
    if (broken.has(contender)) return undefined;
    try {
      return await visit(bench, contender, seconds);
    } catch (error) {
      broken.add(contender);
      failures.push(`${contender.subject.title}, ${contender.variant}: ${messageOf(error)}`);
      return undefined;
    }
  };
  for (const contender of contenders) {
    // Compiles what is the same in all variants; a quick run leaves it at that.
    if (!quick || contender.variant === "200")
      await visitUnbroken(contender, quick ? WARM_UP_SECONDS.quick : WARM_UP_SECONDS.full);
  }
  const visits: { readonly contender: Contender; readonly seen: Visit }[] = [];
  for (const contender of inOrder(contenders, rounds)) {
    if (!quick) await visitUnbroken(contender, RUN_IN_SECONDS);
    const seen = await visitUnbroken(contender, seconds);
    if (seen) visits.push({ contender, seen });
  }
  for (const [index, { contender, seen }] of visits.entries()) {
    const isBaseline = ({ contender }: (typeof visits)[number]) => contender.subject.name === BASELINE;
    const around = [visits.slice(0, index + 1).findLast(isBaseline), visits.slice(index).find(isBaseline)];
    const over = (what: "perSecond" | "p99Ms") =>
      seen[what] / mean(around.flatMap((visit) => visit?.seen[what] ?? []));
    contender.rounds.push({ ...seen, ratio: over("perSecond"), p99Ratio: over("p99Ms") });
  }
  for (const process of new Set(contenders.map((contender) => contender.process))) await process.stop();
  const measured = contenders.filter((contender) => !broken.has(contender));
  return reportThroughput(measured, [...failures, ...measured.flatMap(countedOtherwise)]);
}

/**
 * Each round begins with another one: none always follows the same, or has the machine while it is coldest. Bare Express comes first,
 * last, and every few visits in between.
 */
function inOrder(contenders: readonly Contender[], rounds: number): Contender[] {
  const baseline = contenders.find(({ subject }) => subject.name === BASELINE);
  const others = contenders.filter((contender) => contender !== baseline);
  const order: Contender[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = round * Math.ceil(others.length / rounds);
    order.push(...others.slice(first), ...others.slice(0, first));
  }
  if (!baseline) return order;
  const isDue = (index: number) => index % VISITS_BETWEEN_BASELINES === 0;
  return [...order.flatMap((other, index) => (isDue(index) ? [baseline, other] : [other])), baseline];
}

/** The lists with the bodies that are right for them. Default: as many as the run has. */
export async function expectedLists(
  bench: Bench,
  count = bench.options.lists,
): Promise<readonly ExpectedList[]> {
  const accounts = openAccounts(await bench.databaseUrl());
  const lists: ExpectedList[] = [];
  for (const list of hotLists(undefined, count)) {
    lists.push({ ...list, body: listBody(await accounts.readList(list.tenant, ownerOf(list.target))) });
  }
  await accounts.close();
  return lists;
}

/** Variants that the subject does not answer right are left out, and named. */
async function enter(
  bench: Bench,
  subject: Subject,
  lists: readonly ExpectedList[],
  failures: string[],
): Promise<Contender[]> {
  const process = await bench.startSubject(subject);
  const isClose = bench.options.quick ? QUICK_NAMES.includes(subject.name) : subject.floor !== undefined;
  const contenders: Contender[] = [];
  for (const variant of isClose ? bench.options.variants : (["200"] as const)) {
    try {
      const requests = await verify(subject, process, lists, variant);
      contenders.push({ subject, variant, process, requests, rounds: [] });
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  return contenders;
}

async function visit(
  bench: Bench,
  { subject, process, requests }: Contender,
  seconds: number,
): Promise<Visit> {
  const runsBefore = await process.ask<number>("handlerRuns");
  const isLane = subject.row?.front === "lane";
  const appRunsBefore = isLane ? await process.ask<number>("appRuns") : 0;
  const cpuBefore = await process.ask<number>("cpuMs");
  const stolen = measureStolen(bench.cores);
  const result = await load({ port: process.port, requests, connections: CONNECTIONS, seconds });
  const stolenShare = stolen();
  const cpuMs = (await process.ask<number>("cpuMs")) - cpuBefore;
  const handlerRuns = (await process.ask<number>("handlerRuns")) - runsBefore;
  return {
    ...result,
    handlerRuns,
    appRuns: isLane ? (await process.ask<number>("appRuns")) - appRunsBefore : 0,
    cpuMicros: (cpuMs * 1000) / result.requests,
    cpuShare: (cpuMs * result.perSecond) / result.requests / 1000,
    stolenShare,
  };
}

/** What the subject's own count says against the claim that these were hits, or that none was. */
function countedOtherwise({ subject, variant, rounds }: Contender): string[] {
  const requests = rounds.reduce((sum, visit) => sum + visit.requests, 0);
  const runs = rounds.reduce((sum, visit) => sum + visit.handlerRuns, 0);
  const appRuns = rounds.reduce((sum, visit) => sum + visit.appRuns, 0);
  const doubts: string[] = [];
  if (subject.handler === "runs" ? runs < requests : runs > requests * TOLERATED_MISSES) {
    doubts.push(`the handler ran ${runs} times in ${requests} requests`);
  }
  if (appRuns > requests * TOLERATED_APP_RUNS) {
    doubts.push(`the lane has left ${appRuns} of ${requests} requests to Express`);
  }
  return doubts.map((doubt) => `${subject.title}, ${variant}: ${doubt}`);
}
