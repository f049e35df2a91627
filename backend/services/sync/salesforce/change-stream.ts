// Salesforce's change events over CometD: Bayeux messages by long polling, from a replay id on.
// Tests: test/integration/sync-salesforce.test.ts
//
// https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_intro.htm, cdc_other_events.htm;
// https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/using_streaming_api_durability.htm
// Events are kept for 72 hours. The Pub/Sub API has the same events over gRPC, which fetch does not speak.
import { createHash } from "node:crypto";
import * as z from "zod";
import { type SourceEvent, type SourceEventKind, SourceThrottled, SourceUnavailable } from "../connector.js";
import type { CrmHttp } from "../crm-http.js";

export interface ChangeStreamOptions {
  readonly http: CrmHttp;
  /** "66.0" */
  readonly apiVersion: string;
  /** "Contact" */
  readonly object: string;
}

/** All that is kept; -1 would be what comes from now on. */
export const ALL_KEPT = "-2";
/** Of an overflow event: no record. */
const NO_RECORD = /^0{15}(AAA)?$/;
/** The server would keep a poll for 110 s; it is asked to answer within {@link WAIT_MS}. */
const POLL_TIMEOUT_MS = 30_000;
/** For how long one reading waits for something new. */
const WAIT_MS = 10_000;

const message = z.looseObject({
  channel: z.string(),
  successful: z.boolean().optional(),
  clientId: z.string().optional(),
  error: z.string().optional(),
  advice: z.looseObject({ reconnect: z.string().optional(), interval: z.number().optional() }).optional(),
  data: z
    .looseObject({
      event: z.looseObject({ replayId: z.int() }),
      payload: z.looseObject({
        ChangeEventHeader: z.looseObject({
          entityName: z.string(),
          recordIds: z.array(z.string()),
          changeType: z.string(),
          transactionKey: z.string().optional(),
          sequenceNumber: z.number().optional(),
          commitTimestamp: z.number().optional(),
        }),
      }),
    })
    .optional(),
});
type Message = z.output<typeof message>;

/** Ends when a poll brings nothing new. What a poll that was cut off had brought comes again from the cursor. */
export async function* readChanges(
  options: ChangeStreamOptions,
  cursor: string | undefined,
  signal: AbortSignal,
): AsyncIterable<SourceEvent> {
  const channel = channelOf(options.object);
  if (cursor === undefined || !/^(-2|\d{1,18})$/.test(cursor)) {
    yield { key: `replay:begin:${Date.now()}`, kind: "overflow", cursor: ALL_KEPT };
    return;
  }
  const clientId = await handshake(options, signal);
  const refusal = await subscribe(options, clientId, channel, Number(cursor), signal);
  if (refusal !== undefined) {
    if (!/^400::.*replay/i.test(refusal)) throw subscriptionFailure(refusal);
    // Older than what is kept: nobody can say what has been missed.
    yield { key: `replay:lost:${cursor}`, kind: "overflow", cursor: ALL_KEPT };
    return;
  }
  let giveUpAtMs = performance.now() + WAIT_MS;
  do {
    const found = await poll(options, clientId, channel, giveUpAtMs, signal);
    if (found === undefined) return;
    for (const data of found) yield* eventsOf(data, options.object);
    if (found.length === 0) return;
    // What has come is not kept waiting for more.
    giveUpAtMs = 0;
  } while (!signal.aborted);
}

const channelOf = (object: string) =>
  `/data/${object.endsWith("__c") ? object.replace(/__c$/, "__ChangeEvent") : `${object}ChangeEvent`}`;

async function handshake(options: ChangeStreamOptions, signal: AbortSignal): Promise<string> {
  const [answer] = await send(
    options,
    [
      {
        channel: "/meta/handshake",
        version: "1.0",
        minimumVersion: "1.0",
        supportedConnectionTypes: ["long-polling"],
        ext: { replay: true },
      },
    ],
    signal,
  );
  if (!answer?.successful || answer.clientId === undefined)
    throw subscriptionFailure(answer?.error ?? "no handshake");
  return answer.clientId;
}

/** @returns the error, where there is one */
async function subscribe(
  options: ChangeStreamOptions,
  clientId: string,
  channel: string,
  replayId: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ext = { replay: { [channel]: replayId } };
  const answers = await send(
    options,
    [{ channel: "/meta/subscribe", clientId, subscription: channel, ext }],
    signal,
  );
  const answer = answers.find((each) => each.channel === "/meta/subscribe");
  return answer?.successful ? undefined : (answer?.error ?? "no subscription");
}

/** `undefined` where the session is over: the next reading makes another. */
async function poll(
  options: ChangeStreamOptions,
  clientId: string,
  channel: string,
  giveUpAtMs: number,
  signal: AbortSignal,
): Promise<NonNullable<Message["data"]>[] | undefined> {
  const waitMs = Math.max(0, Math.round(giveUpAtMs - performance.now()));
  // Bayeux: a client may say how long it wants to be kept waiting.
  const connect = {
    channel: "/meta/connect",
    clientId,
    connectionType: "long-polling",
    advice: { timeout: waitMs },
  };
  const answers = await send(options, [connect], signal);
  const data = answers.flatMap((each) => (each.channel === channel && each.data ? [each.data] : []));
  if (data.length > 0) return data;
  const state = answers.find((each) => each.channel === "/meta/connect");
  return state?.successful ? [] : undefined;
}

async function send(
  { http, apiVersion }: ChangeStreamOptions,
  messages: readonly object[],
  signal: AbortSignal,
): Promise<Message[]> {
  const request = { signal, body: messages, timeoutMs: POLL_TIMEOUT_MS };
  const { body } = await http.request("POST", `/cometd/${apiVersion}`, request);
  const parsed = z.array(message).safeParse(body);
  if (!parsed.success) throw new SourceUnavailable("salesforce: a Bayeux answer that is not as documented");
  return parsed.data;
}

/** "403::Organization total events daily limit exceeded", "401::Authentication invalid", … */
function subscriptionFailure(error: string): Error {
  const code = /^(\d{3})::/.exec(error)?.[1] ?? "no code";
  return /^403::.*limit/i.test(error)
    ? new SourceThrottled(15 * 60_000, "salesforce: the limit of events is reached")
    : new SourceUnavailable(`salesforce: the subscription was refused (${code})`);
}

/**
 * One event may be about several records; one after which nothing is known about any, GAP_OVERFLOW, is about none. Gap events have
 * no fields, and records are read anyway: they are events like the others.
 */
function* eventsOf({ event, payload }: NonNullable<Message["data"]>, object: string): Iterable<SourceEvent> {
  const { changeType, recordIds, transactionKey, sequenceNumber, commitTimestamp, entityName } =
    payload.ChangeEventHeader;
  const cursor = String(event.replayId);
  const base = { ...(commitTimestamp !== undefined && { occurredAt: new Date(commitTimestamp) }) };
  const name = (crmId: string) =>
    `cdc:${createHash("sha256")
      .update(JSON.stringify([transactionKey ?? event.replayId, sequenceNumber, changeType, crmId]))
      .digest("base64url")
      .slice(0, 32)}`;
  const ids = recordIds.filter((id) => !NO_RECORD.test(id));
  if (entityName !== object || (ids.length === 0 && changeType !== "GAP_OVERFLOW")) return;
  if (changeType === "GAP_OVERFLOW") {
    yield { ...base, key: name("all"), kind: "overflow", cursor };
    return;
  }
  const kind: SourceEventKind =
    /DELETE$/.test(changeType) && !/UNDELETE$/.test(changeType) ? "deleted" : "changed";
  for (const [index, crmId] of ids.entries()) {
    // Only the last one of them leads on: what lies between may still be lost.
    yield { ...base, key: name(crmId), kind, crmId, ...(index === ids.length - 1 && { cursor }) };
  }
}
