// Salesforce's contacts (or another object that clients are): REST API, and change data capture.
// Tests: test/integration/sync-salesforce.test.ts
//
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm,
// resources_sobject_retrieve.htm, resources_composite_sobjects_collections_retrieve.htm, resources_query.htm, errorcodes.htm
import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import type { SalesforceConnection } from "../../../config/crm-connections.js";
import {
  type BatchRead,
  type ClientData,
  type ClientPage,
  type Connector,
  type SourceClient,
  SourceConflict,
  type SourceEvent,
  SourceRefused,
  SourceUnavailable,
} from "../connector.js";
import { type AccessTokens, type CrmAnswer, CrmHttp, retryAfterMs } from "../crm-http.js";
import { readChanges } from "./change-stream.js";

/** 15 characters, or 18 with the check that makes them safe where case is lost. */
const RECORD_ID = /^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/;
const NEXT_SECOND_MS = 1100;

const record = z.looseObject({
  Id: z.string(),
  LastModifiedDate: z.string(),
  SystemModstamp: z.string(),
});
type SalesforceRecord = z.output<typeof record>;
const collection = z.array(z.union([record, z.null()]));
const queryPage = z.looseObject({
  done: z.boolean(),
  records: z.array(z.looseObject({ Id: z.string(), SystemModstamp: z.string() })),
  nextRecordsUrl: z.string().optional(),
});

export class SalesforceConnector implements Connector {
  readonly crmSystem = "salesforce";
  readonly writeKeyField: string | undefined;
  readonly #connection: SalesforceConnection;
  readonly #http: CrmHttp;
  readonly #data: string;

  constructor(connection: SalesforceConnection, tokens: AccessTokens) {
    this.#connection = connection;
    this.writeKeyField = connection.write_key_field;
    this.#data = `/services/data/v${connection.api_version}`;
    this.#http = new CrmHttp({ name: "salesforce", tokens, limits: salesforceLimits, errorCode });
  }

  get isAway(): boolean {
    return this.#http.circuit.isOpen;
  }

  async fetchClient(crmId: string, signal: AbortSignal): Promise<SourceClient | undefined> {
    return (await this.#read(crmId, signal))?.client;
  }

  async fetchClients(crmIds: readonly string[], signal: AbortSignal): Promise<BatchRead> {
    const read = new Map<string, SourceClient | undefined | Error>();
    const asked = crmIds.filter((id) => RECORD_ID.test(id));
    for (const id of crmIds) if (!RECORD_ID.test(id)) read.set(id, undefined);
    if (asked.length === 0) return read;
    const path = `${this.#data}/composite/sobjects/${this.#connection.object}`;
    const body = { ids: asked, fields: this.#fields };
    const answer = await this.#http.request("POST", path, { signal, body, expects: [400, 404] });
    const records = collection.safeParse(answer.body);
    if (answer.status !== 200 || !records.success || records.data.length !== asked.length) {
      // One id that is not as it should be fails them all: each is asked for by itself.
      for (const id of asked) read.set(id, await this.#alone(id, signal));
      return read;
    }
    // In the order of the ids; null is one that is not there, or may not be seen.
    for (const [index, id] of asked.entries()) {
      const found = records.data[index];
      read.set(id, found ? clientOf(found, isNew(found, answer)) : undefined);
    }
    return read;
  }

  changesSince(cursor: string | undefined, signal: AbortSignal): AsyncIterable<SourceEvent> {
    const { api_version: apiVersion, object } = this.#connection;
    return readChanges({ http: this.#http, apiVersion, object }, cursor, signal);
  }

  async listClients(next: string | undefined, signal: AbortSignal): Promise<ClientPage> {
    // What a page says of the next one is a path here, or it is not followed.
    if (next !== undefined && !/^\/services\/data\/v[\d.]+\/query\/[\w-]+$/.test(next))
      throw new SourceRefused(400, "salesforce: no such page");
    const query = new URLSearchParams({
      q: `SELECT Id, SystemModstamp FROM ${this.#connection.object} ORDER BY Id`,
    });
    const answer = await this.#http.request("GET", next ?? `${this.#data}/query?${query}`, { signal });
    const { done, records, nextRecordsUrl } = valid(queryPage, answer);
    if (!done && nextRecordsUrl === undefined)
      throw new SourceUnavailable("salesforce: a page without the next one");
    const clients = records.map(({ Id, SystemModstamp }) => ({ crmId: Id, version: SystemModstamp }));
    return { clients, ...(!done && nextRecordsUrl !== undefined && { next: nextRecordsUrl }) };
  }

  /**
   * If-Unmodified-Since compares seconds, and If-Match is for accounts alone. A record that was changed in this very second could be
   * changed again without another date: then the second is waited for, and the record read once more.
   */
  async writeClient(
    crmId: string,
    change: ClientData,
    expectedVersion: string,
    writeKey: string,
    signal: AbortSignal,
  ): Promise<SourceClient> {
    let before = await this.#read(crmId, signal);
    if (before?.isOfThisSecond) {
      await delay(NEXT_SECOND_MS, undefined, { signal });
      before = await this.#read(crmId, signal);
    }
    if (before?.client.version !== expectedVersion) throw new SourceConflict(before?.client);
    const answer = await this.#http.request("PATCH", this.#pathOf(crmId), {
      signal,
      body: { ...change, ...(this.writeKeyField && { [this.writeKeyField]: writeKey }) },
      headers: { "If-Unmodified-Since": new Date(before.lastModified).toUTCString() },
      expects: [404, 412],
    });
    const after = (await this.#read(crmId, signal))?.client;
    if (answer.status === 412 || after === undefined) throw new SourceConflict(after);
    return after;
  }

  /** Into the recycle bin, for 15 days; {@link SalesforceConnection} may ask to have it removed from there, too. */
  async eraseClient(crmId: string, signal: AbortSignal): Promise<void> {
    if (!RECORD_ID.test(crmId)) return;
    await this.#http.request("DELETE", this.#pathOf(crmId), { signal, expects: [404] });
  }

  get #fields(): string[] {
    const { fields, write_key_field } = this.#connection;
    const own = ["Id", "LastModifiedDate", "SystemModstamp", ...(write_key_field ? [write_key_field] : [])];
    return [...new Set([...own, ...fields])];
  }

  #pathOf(crmId: string): string {
    return `${this.#data}/sobjects/${this.#connection.object}/${encodeURIComponent(crmId)}`;
  }

  async #read(crmId: string, signal: AbortSignal) {
    if (!RECORD_ID.test(crmId)) return undefined;
    const query = new URLSearchParams({ fields: this.#fields.join(",") });
    const answer = await this.#http.request("GET", `${this.#pathOf(crmId)}?${query}`, {
      signal,
      expects: [404],
    });
    if (answer.status === 404) return undefined;
    const found = valid(record, answer);
    const isOfThisSecond = isNew(found, answer);
    return {
      client: clientOf(found, isOfThisSecond),
      lastModified: Date.parse(found.LastModifiedDate),
      isOfThisSecond,
    };
  }

  async #alone(crmId: string, signal: AbortSignal): Promise<SourceClient | undefined | Error> {
    try {
      return await this.fetchClient(crmId, signal);
    } catch (error) {
      if (error instanceof SourceRefused || error instanceof SourceUnavailable) return error;
      throw error;
    }
  }
}

/** Whether it may be changed once more in the second that dates it. */
function isNew({ SystemModstamp }: SalesforceRecord, { headers }: CrmAnswer): boolean {
  const answeredMs = Date.parse(headers.get("date") ?? "");
  return !(Math.floor(answeredMs / 1000) > Math.floor(Date.parse(SystemModstamp) / 1000));
}

/** A version that another state may have, too, is none of its own: by its mark it is not that of any later reading. */
function clientOf({ attributes: _, ...found }: SalesforceRecord, isOfThisSecond: boolean): SourceClient {
  const { Id, LastModifiedDate, SystemModstamp, ...data } = found;
  const version = isOfThisSecond ? `${SystemModstamp} unsettled` : SystemModstamp;
  return { crmId: Id, data, version, modifiedAt: new Date(SystemModstamp) };
}

function valid<T>(schema: z.ZodType<T>, { body }: CrmAnswer): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new SourceUnavailable("salesforce: an answer that is not as documented");
  return parsed.data;
}

/** Of the day's requests (403 REQUEST_LIMIT_EXCEEDED), or of those at the same time. */
function salesforceLimits({ status, headers, body }: CrmAnswer) {
  const isDaily = status === 403 && errorCode(body) === "REQUEST_LIMIT_EXCEEDED";
  if (!isDaily && status !== 429) return undefined;
  return { pauseMs: retryAfterMs(headers) ?? (isDaily ? 15 * 60_000 : 10_000), isRefused: true };
}

function errorCode(body: unknown): string | undefined {
  const first: unknown = Array.isArray(body) ? body[0] : body;
  const code = typeof first === "object" && first !== null ? Reflect.get(first, "errorCode") : undefined;
  return typeof code === "string" && /^[A-Z_]{1,60}$/.test(code) ? code : undefined;
}
