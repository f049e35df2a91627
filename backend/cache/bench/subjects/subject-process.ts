// One subject in a process of its own: listens, and answers the bench's questions over its IPC channel.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { openAccounts } from "../database.js";
import { ownerOf, tenantsByAuthorization } from "../workload.js";
import { processControls } from "./process-controls.js";
import type { Answer, Question } from "./question.js";
import { readyJson } from "./ready-json.js";
import type { Controls, StartSubject, SubjectConfig } from "./subject.js";

// The bench has gone.
process.once("disconnect", () => process.exit());

const config = JSON.parse(process.argv[2] ?? "") as SubjectConfig;
const { default: start } = (await import(`./${config.program}.js`)) as { default: StartSubject };
const accounts = openAccounts(config.databaseUrl);
const tenants = tenantsByAuthorization(config.tenants);
const ready = config.readyBodyBytes === undefined ? undefined : readyJson(config.readyBodyBytes);
let handlerRuns = 0;

const { server, controls = {} } = await start({
  config,
  readRows: (tenant, target) => {
    handlerRuns++;
    return accounts.readList(tenant, ownerOf(target));
  },
  readyBody:
    ready &&
    (() => {
      handlerRuns++;
      return ready;
    }),
  tenantOf: (authorization) => (authorization === undefined ? undefined : tenants.get(authorization)),
});
const answers: Controls = { handlerRuns: () => handlerRuns, ...processControls, ...controls };

// Connections stay open between the rounds.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", 1024);
await once(server, "listening");

process.on("message", async ({ id, name, argument }: Question) => {
  try {
    const answer = await answers[name]?.(argument);
    process.send?.({ id, answer } satisfies Answer);
  } catch (error) {
    process.send?.({ id, error: String(error) } satisfies Answer);
  }
});
process.send?.({ id: 0, answer: (server.address() as AddressInfo).port } satisfies Answer);
