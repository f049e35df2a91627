// Whatever becomes of events on their way (shuffled, doubled, delayed, lost), in the end this side has what the source has.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import fc from "fast-check";
import { takeEvents } from "../../services/sync/inbox.js";
import { resolveConflict } from "../../services/sync/outbox.js";
import { type HubspotEvent, signed } from "../support/crms/hubspot-messages.js";
import type { HubspotServer } from "../support/crms/hubspot-server.js";
import type { SalesforceServer } from "../support/crms/salesforce-server.js";
import {
  ACTOR,
  hubspotConnection,
  type SyncProcess,
  type SyncSystem,
  salesforceConnection,
  startHubspot,
  startSalesforce,
  startSyncSystem,
} from "../support/crms/sync-system.js";

const CLIENTS = 4;
const RUNS = 10;
const who = fc.integer({ min: 0, max: CLIENTS - 1 });
/** What somebody does there, or here, or what becomes of a delivery. */
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant("change" as const),
      who,
      value: fc.integer({ max: 9, min: 0 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("archive" as const), who }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("restore" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("change-here" as const),
      who,
      value: fc.integer({ max: 9, min: 0 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant("deliver" as const),
      /** Which of those that wait are taken, in which order; what is not taken is delayed. */
      order: fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }),
      isDoubled: fc.boolean(),
      isLost: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("work" as const) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("fault" as const) }) },
);
const steps = fc.array(step, { minLength: 5, maxLength: 30 });

async function settled(system: SyncSystem, process: SyncProcess): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await system.hurry();
    await process.replay();
    await process.work();
    for (const { id } of await system.sql("SELECT id FROM sync_outbox WHERE status = 'conflict'"))
      await resolveConflict(process.service.context, process.link, id, "theirs", ACTOR);
    await process.work();
  }
}

describe("events on their way", () => {
  let server: HubspotServer;
  let system: SyncSystem;
  let processes: [SyncProcess, SyncProcess];
  beforeAll(async () => {
    server = await startHubspot();
    // Lost events are made up for by reading all clients: here each time, else once a day.
    system = await startSyncSystem(hubspotConnection(server), {
      limits: { fullReadSeconds: 0, maxAttempts: 1000 },
    });
    processes = [await system.process(), await system.process()];
  });
  afterAll(async () => {
    await system.close();
    await server.close();
  });

  const deliver = async (process: SyncProcess, events: readonly HubspotEvent[]) => {
    const url = "https://crm.example.com/webhooks";
    const body = JSON.stringify(events);
    const headers = new Map(
      Object.entries(signed("POST", url, body)).map(([name, value]) => [name.toLowerCase(), value]),
    );
    const request = {
      method: "POST",
      url,
      rawBody: Buffer.from(body),
      header: (name: string) => headers.get(name),
    };
    const verified = process.link.connector.verifyWebhook?.(request);
    assert.ok(verified);
    await takeEvents(process.service.context, process.link, verified, { via: "webhook" });
  };

  test("HubSpot: shuffled, doubled, delayed and lost, with changes from here in between", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (todo, isSecond) => {
        const process = processes[isSecond ? 1 : 0];
        const ids = Array.from({ length: CLIENTS }, (_, index) =>
          server.create({ firstname: "new", phone: String(index) }),
        );
        const written = server.writes.length;
        let changes = 0;
        for (const each of todo) {
          const id = "who" in each ? (ids[each.who] ?? "") : "";
          const isThere = server.contacts.get(id)?.archived === false;
          if (each.does === "change" && isThere) server.change(id, { firstname: `there ${each.value}` });
          if (each.does === "archive" && isThere) server.archive(id);
          if (each.does === "restore" && !isThere) server.restore(id);
          if (each.does === "change-here") {
            await system.change(process, id, { firstname: `here ${each.value}` });
            changes += 1;
          }
          if (each.does === "fault") server.failNext("reset-after", /PATCH|batch/);
          if (each.does === "work") await Promise.all(processes.map(({ work }) => work()));
          if (each.does === "deliver") {
            const taken = each.order.flatMap((place) =>
              server.events.splice(place % Math.max(1, server.events.length), 1),
            );
            if (taken.length > 0 && !each.isLost)
              await deliver(process, each.isDoubled ? [...taken, ...taken] : taken);
          }
        }
        const late = server.takeEvents();
        if (late.length > 0) await deliver(process, late.toReversed());
        server.comeBack();
        await settled(system, process);
        for (const id of ids) {
          const contact = server.contacts.get(id);
          const copy = await system.copy(process, id);
          const expected = contact?.archived ? null : contact?.properties.firstname;
          // Who came and went while all events were lost was never known here.
          assert.equal(copy === undefined ? null : (copy?.firstname ?? null), expected);
          if (copy !== undefined) assert.equal(await system.status(process, id), "fresh");
        }
        // No change was written twice, and none came back as another one.
        assert.ok(server.writes.length - written <= changes);
        const open = await system.sql("SELECT 1 FROM sync_outbox WHERE status NOT IN ('done', 'dropped')");
        assert.deepEqual(open, []);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("events of a stream", () => {
  let server: SalesforceServer;
  let system: SyncSystem;
  let process: SyncProcess;
  beforeAll(async () => {
    server = await startSalesforce();
    system = await startSyncSystem(salesforceConnection(server), { limits: { fullReadSeconds: 0 } });
    process = await system.process();
  });
  afterAll(async () => {
    await system.close();
    await server.close();
  });

  test("Salesforce: gaps, overflows, lost events and a retention that is over", async () => {
    const kind = fc.constantFrom("change", "gap", "overflow", "lost", "remove", "forget", "replay", "work");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ kind, who }), { minLength: 3, maxLength: 15 }), async (todo) => {
        const ids = Array.from({ length: CLIENTS }, () => server.create({ FirstName: "new" }));
        for (const [index, each] of todo.entries()) {
          const id = ids[each.who] ?? "";
          const isThere = server.contacts.has(id);
          const fields = { FirstName: `${each.kind} ${index}` };
          if (each.kind === "change" && isThere) server.change(id, fields);
          if (each.kind === "gap" && isThere) server.changeWithGap(id, fields, "GAP_UPDATE");
          if (each.kind === "overflow" && isThere) server.changeWithGap(id, fields, "GAP_OVERFLOW");
          if (each.kind === "remove" && isThere) server.remove(id);
          if (each.kind === "lost" && isThere) {
            server.change(id, fields);
            server.lost.add(server.log.at(-1)?.replayId ?? 0);
          }
          if (each.kind === "forget") server.forgetEvents();
          if (each.kind === "replay") await process.replay();
          if (each.kind === "work") await process.work();
        }
        await settled(system, process);
        for (const id of ids) {
          const copy = await system.copy(process, id);
          assert.equal(copy?.FirstName, server.contacts.get(id)?.fields.FirstName);
        }
      }),
      { numRuns: 6 },
    );
  });
});
