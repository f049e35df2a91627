// HubSpot's contacts: CRM API v3.
// Tests: test/integration/sync-hubspot.test.ts
//
// https://developers.hubspot.com/docs/api/crm/contacts, /docs/api/crm/search, /docs/api/usage-details,
// /docs/api-reference/legacy/crm/objects/contacts/gdpr/gdpr-delete-contact
import * as z from "zod";
import type { HubspotConnection } from "../../../config/crm-connections.js";
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
  type WebhookRequest,
} from "../connector.js";
import { type AccessTokens, type CrmAnswer, CrmHttp, retryAfterMs } from "../crm-http.js";
import { readHubspotWebhook } from "./hubspot-webhook.js";

const CONTACTS = "/crm/v3/objects/contacts";
const LIST_PAGE = 100;
const SEARCH_PAGE = 200;
/** A search gives no more than this, however it is paged: then it begins again from the last one's time. */
const SEARCH_RESULTS = 10_000;
/** What was changed "may take a few moments to appear in search results". */
const INDEXED_WITHIN_MS = 60_000;

const contact = z.looseObject({
  id: z.string(),
  properties: z.record(z.string(), z.unknown()),
  updatedAt: z.iso.datetime({ offset: true }),
  archived: z.boolean().optional(),
  propertiesWithHistory: z
    .record(
      z.string(),
      z.array(z.looseObject({ value: z.unknown(), timestamp: z.iso.datetime({ offset: true }) })),
    )
    .optional(),
});
type Contact = z.output<typeof contact>;
const page = z.looseObject({
  results: z.array(contact),
  total: z.number().optional(),
  paging: z.looseObject({ next: z.looseObject({ after: z.string() }).optional() }).optional(),
});
const batch = z.looseObject({
  results: z.array(contact),
  errors: z
    .array(
      z.looseObject({
        category: z.string().optional(),
        context: z.looseObject({ ids: z.array(z.string()).optional() }).optional(),
      }),
    )
    .optional(),
});

export class HubspotConnector implements Connector {
  readonly crmSystem = "hubspot";
  readonly writeKeyField: string | undefined;
  readonly #connection: HubspotConnection;
  readonly #http: CrmHttp;

  constructor(connection: HubspotConnection, tokens: AccessTokens) {
    this.#connection = connection;
    this.writeKeyField = connection.write_key_field;
    this.#http = new CrmHttp({ name: "hubspot", tokens, limits: hubspotLimits, errorCode });
  }

  get isAway(): boolean {
    return this.#http.circuit.isOpen;
  }

  async fetchClient(crmId: string, signal: AbortSignal): Promise<SourceClient | undefined> {
    const query = new URLSearchParams({ properties: this.#properties.join(",") });
    const answer = await this.#http.request("GET", `${pathOf(crmId)}?${query}`, { signal, expects: [404] });
    if (answer.status === 404) return undefined;
    const found = valid(contact, answer);
    // One that was merged into another is answered with the other.
    return found.id === crmId ? clientOf(found) : undefined;
  }

  async fetchClients(crmIds: readonly string[], signal: AbortSignal): Promise<BatchRead> {
    const body = { properties: this.#properties, inputs: crmIds.map((id) => ({ id })) };
    const answer = await this.#http.request("POST", `${CONTACTS}/batch/read`, { signal, body });
    // 207: some of them failed, and each says why.
    const { results, errors = [] } = valid(batch, answer);
    const read = new Map<string, SourceClient | undefined | Error>();
    for (const { category, context } of errors) {
      const isGone = category === "OBJECT_NOT_FOUND";
      const failure = isGone
        ? undefined
        : new SourceUnavailable(`hubspot: ${category ?? "failed in a batch"}`);
      for (const id of context?.ids ?? []) read.set(id, failure);
    }
    for (const found of results) read.set(found.id, clientOf(found));
    // Neither found nor explained: asked for by itself, it will say.
    for (const id of crmIds) if (!read.has(id)) read.set(id, await this.#alone(id, signal));
    return read;
  }

  async *changesSince(cursor: string | undefined, signal: AbortSignal): AsyncIterable<SourceEvent> {
    if (cursor === undefined || !/^\d{1,16}$/.test(cursor)) {
      const from = String(Date.now() - 2 * INDEXED_WITHIN_MS);
      yield { key: `replay:begin:${from}`, kind: "overflow", cursor: from };
      return;
    }
    let fromMs = Number(cursor) - INDEXED_WITHIN_MS;
    for (;;) {
      let seen = 0;
      let lastMs = fromMs;
      for (let after: string | undefined = "0"; after !== undefined; ) {
        const found: z.output<typeof page> = await this.#search(fromMs, after, signal);
        for (const each of found.results) {
          lastMs = Date.parse(each.updatedAt);
          // An older one than the cursor was found late: it does not lead back.
          const reached = String(Math.max(lastMs, Number(cursor)));
          const key = `replay:${each.id}:${each.updatedAt}`;
          yield { key, kind: "changed", crmId: each.id, occurredAt: new Date(lastMs), cursor: reached };
        }
        seen += found.results.length;
        after = seen + SEARCH_PAGE > SEARCH_RESULTS ? undefined : found.paging?.next?.after;
      }
      if (seen + SEARCH_PAGE <= SEARCH_RESULTS) return;
      if (lastMs === fromMs) {
        // More were changed in this one millisecond than a search can give.
        yield {
          key: `replay:crowded:${lastMs}`,
          kind: "overflow",
          cursor: String(lastMs + INDEXED_WITHIN_MS + 1),
        };
        return;
      }
      fromMs = lastMs;
    }
  }

  async listClients(after: string | undefined, signal: AbortSignal): Promise<ClientPage> {
    const query = new URLSearchParams({ limit: String(LIST_PAGE), properties: "lastmodifieddate" });
    if (after !== undefined) query.set("after", after);
    const { results, paging } = valid(
      page,
      await this.#http.request("GET", `${CONTACTS}?${query}`, { signal }),
    );
    const clients = results.map(({ id, updatedAt }) => ({ crmId: id, version: updatedAt }));
    return { clients, ...(paging?.next && { next: paging.next.after }) };
  }

  /**
   * HubSpot knows no conditional writes. The version is compared before; and behind the write, the history of the fields says whether
   * another value came in between, which is then a conflict like any other, with that value as theirs.
   */
  async writeClient(
    crmId: string,
    change: ClientData,
    expectedVersion: string,
    writeKey: string,
    signal: AbortSignal,
  ): Promise<SourceClient> {
    const before = await this.fetchClient(crmId, signal);
    if (before?.version !== expectedVersion) throw new SourceConflict(before);
    const properties = { ...change, ...(this.writeKeyField && { [this.writeKeyField]: writeKey }) };
    const request = { signal, body: { properties }, expects: [404] };
    const answer = await this.#http.request("PATCH", pathOf(crmId), request);
    if (answer.status === 404) throw new SourceConflict(undefined);
    const fields = Object.keys(change);
    const query = new URLSearchParams({
      properties: this.#properties.join(","),
      propertiesWithHistory: fields.join(","),
    });
    const again = await this.#http.request("GET", `${pathOf(crmId)}?${query}`, { signal, expects: [404] });
    if (again.status === 404) throw new SourceConflict(undefined);
    const after = valid(contact, again);
    const theirs = overwritten(after, before, fields);
    if (theirs) throw new SourceConflict({ ...clientOf(after), data: { ...after.properties, ...theirs } });
    return clientOf(after);
  }

  async eraseClient(crmId: string, signal: AbortSignal): Promise<void> {
    const request = { signal, body: { objectId: crmId }, expects: [404] };
    await this.#http.request("POST", `${CONTACTS}/gdpr-delete`, request);
  }

  verifyWebhook(request: WebhookRequest): readonly SourceEvent[] | undefined {
    return readHubspotWebhook(request, this.#connection.client_secret);
  }

  get #properties(): string[] {
    const { fields, write_key_field } = this.#connection;
    return [...new Set([...fields, ...(write_key_field ? [write_key_field] : [])])];
  }

  async #alone(crmId: string, signal: AbortSignal): Promise<SourceClient | undefined | Error> {
    try {
      return await this.fetchClient(crmId, signal);
    } catch (error) {
      if (error instanceof SourceRefused || error instanceof SourceUnavailable) return error;
      throw error;
    }
  }

  async #search(fromMs: number, after: string, signal: AbortSignal): Promise<z.output<typeof page>> {
    const body = {
      filterGroups: [
        {
          filters: [
            { propertyName: "lastmodifieddate", operator: "GTE", value: String(Math.max(0, fromMs)) },
          ],
        },
      ],
      sorts: [{ propertyName: "lastmodifieddate", direction: "ASCENDING" }],
      properties: ["lastmodifieddate"],
      limit: SEARCH_PAGE,
      after,
    };
    return valid(page, await this.#http.request("POST", `${CONTACTS}/search`, { signal, body }));
  }
}

const pathOf = (crmId: string) => `${CONTACTS}/${encodeURIComponent(crmId)}`;

function clientOf({ id, properties, updatedAt }: Contact): SourceClient {
  return { crmId: id, data: properties, version: updatedAt, modifiedAt: new Date(updatedAt) };
}

/** Values that others wrote between the version that was known and our write, which came on top of them; newest first in a history. */
function overwritten(
  after: Contact,
  before: SourceClient,
  fields: readonly string[],
): ClientData | undefined {
  const found = fields.flatMap((field) => {
    const [, previous] = after.propertiesWithHistory?.[field] ?? [];
    const isUnseen = previous !== undefined && Date.parse(previous.timestamp) > before.modifiedAt.getTime();
    return isUnseen && previous.value !== before.data[field] ? [[field, previous.value]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function valid<T>(schema: z.ZodType<T>, { body }: CrmAnswer): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new SourceUnavailable("hubspot: an answer that is not as documented");
  return parsed.data;
}

/**
 * 429 with a policy: ten seconds, or the account's day, which ends at midnight of its own time zone; then asking once in a while says
 * when. Without a refusal, the last request of an interval is followed by a pause.
 */
function hubspotLimits({ status, headers, body }: CrmAnswer) {
  if (status === 429) {
    const policy = typeof body === "object" && body !== null ? Reflect.get(body, "policyName") : undefined;
    const isDaily = policy === "DAILY" || headers.get("x-hubspot-ratelimit-daily-remaining") === "0";
    return { pauseMs: retryAfterMs(headers) ?? (isDaily ? 15 * 60_000 : 10_000), isRefused: true };
  }
  if (headers.get("x-hubspot-ratelimit-remaining") !== "0") return undefined;
  const intervalMs = Number(headers.get("x-hubspot-ratelimit-interval-milliseconds") ?? 10_000);
  return { pauseMs: Number.isFinite(intervalMs) ? intervalMs : 10_000, isRefused: false };
}

function errorCode(body: unknown): string | undefined {
  const category = typeof body === "object" && body !== null ? Reflect.get(body, "category") : undefined;
  return typeof category === "string" && /^[A-Z_]{1,60}$/.test(category) ? category : undefined;
}
