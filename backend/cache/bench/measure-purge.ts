// `npm run measure:purge`: how long a purge from the console takes until it is confirmed, and until the last of three processes obeys.
import { startRedisServer } from "../../servers/index.js";
import { PurgeProcesses, type PurgeTimes } from "../test/support/purge-processes.js";
import { formatNumber, quantile } from "./statistics.js";

const PROCESSES = 3;
/** As an argument: another number of purges. */
const PURGES = Number(process.argv[2] ?? 500);

const redis = await startRedisServer();
const processes = await PurgeProcesses.start(redis.url, PROCESSES, PURGES);
const all: PurgeTimes[] = [];
for (let index = 0; index < PURGES; index++) all.push(await processes.purge());
processes.close();
await redis.stop();

const rows: Record<string, (each: PurgeTimes) => number> = {
  "new fences after": ({ toldMs }) => toldMs,
  "confirmed after": ({ confirmedMs }) => confirmedMs,
  "obeyed by all after": ({ everywhereMs }) => everywhereMs,
};
for (const [name, timeOf] of Object.entries(rows)) {
  const times = all.map(timeOf);
  const [median, p99, most] = [0.5, 0.99, 1].map((of) => `${formatNumber(quantile(times, of))} ms`);
  console.log(`${name}: median ${median}, p99 ${p99}, most ${most}`);
}
console.log(
  `${PURGES} purges, ${PROCESSES} processes, ${all.reduce((sum, { late }) => sum + late, 0)} late hits`,
);
