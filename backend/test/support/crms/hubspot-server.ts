// HubSpot, as its documentation says: contacts of CRM API v3, search, batches, limits, GDPR deletion, and signed webhooks.
import { type Call, CrmServer, type Reply } from "./crm-server.js";
import { type Contact, type HubspotEvent, PORTAL, shown, signed } from "./hubspot-messages.js";

const notFound: Reply = {
  status: 404,
  body: { status: "error", category: "OBJECT_NOT_FOUND", message: "resource not found" },
};

export class HubspotServer extends CrmServer {
  protected readonly tokenPath = "/oauth/v3/token";
  readonly contacts = new Map<string, Contact>();
  /** What webhooks are to tell: taken by the test, which delivers it as it likes. */
  events: HubspotEvent[] = [];
  /** PATCHes that were carried out. */
  readonly writes: { readonly id: string; readonly properties: Record<string, string | null> }[] = [];
  readonly erased: string[] = [];
  /** Requests in ten seconds. */
  limit = 1_000_000;
  isDayOver = false;
  retryAfter: string | undefined;
  /** Runs between a PATCH's arrival and its being carried out. */
  beforeWrite: (() => void) | undefined;
  /** Batch reads say of these that they failed. */
  readonly failsInBatch = new Set<string>();
  #nextId = 101;
  #nextEvent = 1;
  #lastMs = 0;
  readonly #requestsAtMs: number[] = [];

  /** In the user interface of the CRM, by somebody there. */
  create(properties: Record<string, string | null>): string {
    const id = String(this.#nextId++);
    const at = this.#now();
    const contact: Contact = {
      id,
      properties: {},
      createdAt: at,
      updatedAt: at,
      archived: false,
      history: new Map(),
    };
    this.contacts.set(id, contact);
    this.#set(contact, properties, at, "CRM_UI");
    this.#tell("contact.creation", id, at);
    return id;
  }

  change(id: string, properties: Record<string, string | null>, sourceType = "CRM_UI"): void {
    const contact = this.contacts.get(id);
    if (!contact) throw new Error(`no contact ${id}`);
    const at = this.#now();
    this.#set(contact, properties, at, sourceType);
    for (const [propertyName, propertyValue] of Object.entries(properties))
      this.#tell("contact.propertyChange", id, at, { propertyName, propertyValue, changeSource: sourceType });
  }

  archive(id: string): void {
    const contact = this.contacts.get(id);
    if (!contact) throw new Error(`no contact ${id}`);
    contact.archived = true;
    contact.updatedAt = this.#now();
    this.#tell("contact.deletion", id, contact.updatedAt);
  }

  restore(id: string): void {
    const contact = this.contacts.get(id);
    if (!contact) throw new Error(`no contact ${id}`);
    contact.archived = false;
    contact.updatedAt = this.#now();
    this.#tell("contact.restore", id, contact.updatedAt);
  }

  eraseForPrivacy(id: string): void {
    this.contacts.delete(id);
    this.#tell("contact.privacyDeletion", id, this.#now());
  }

  takeEvents(): HubspotEvent[] {
    return this.events.splice(0);
  }

  /** Sends a delivery of up to 100 events, signed as v3, and once more for each answer that is no 2xx. @returns the last status */
  async deliver(url: string, events: readonly HubspotEvent[], attempts = 1): Promise<number> {
    let status = 0;
    for (let attemptNumber = 0; attemptNumber < attempts; attemptNumber += 1) {
      const body = JSON.stringify(events.map((event) => ({ ...event, attemptNumber })));
      const response = await fetch(url, { method: "POST", headers: signed("POST", url, body), body });
      await response.text();
      status = response.status;
      if (response.ok) break;
    }
    return status;
  }

  protected override tokenExtras() {
    return { expires_in: this.expiresInSeconds };
  }

  protected unauthorized(): Reply {
    return { status: 401, body: { status: "error", category: "EXPIRED_AUTHENTICATION" } };
  }

  protected failure(): Reply {
    return { status: 502, body: { status: "error", category: "INTERNAL_ERROR" } };
  }

  /** https://developers.hubspot.com/docs/api/usage-details */
  protected limited(): Reply | undefined {
    const nowMs = Date.now();
    while ((this.#requestsAtMs[0] ?? nowMs) < nowMs - 10_000) this.#requestsAtMs.shift();
    const retry = this.retryAfter === undefined ? {} : { "Retry-After": this.retryAfter };
    if (this.isDayOver)
      return {
        status: 429,
        headers: { "X-HubSpot-RateLimit-Daily-Remaining": "0", ...retry },
        body: { status: "error", errorType: "RATE_LIMIT", policyName: "DAILY" },
      };
    if (this.#requestsAtMs.length >= this.limit)
      return {
        status: 429,
        headers: {
          "X-HubSpot-RateLimit-Remaining": "0",
          "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
          ...retry,
        },
        body: { status: "error", errorType: "RATE_LIMIT", policyName: "TEN_SECONDLY_ROLLING" },
      };
    this.#requestsAtMs.push(nowMs);
    return undefined;
  }

  protected handle(call: Call): Reply {
    const [, id] = /^\/crm\/v3\/objects\/contacts\/(\d+)$/.exec(call.path) ?? [];
    if (id !== undefined) return call.method === "PATCH" ? this.#patch(id, call) : this.#get(id, call);
    switch (`${call.method} ${call.path.replace("/crm/v3/objects/contacts", "")}`) {
      case "GET ":
        return this.#list(call);
      case "POST /search":
        return this.#search(call);
      case "POST /batch/read":
        return this.#batch(call);
      case "POST /gdpr-delete":
        return this.#gdprDelete(call);
      default:
        return notFound;
    }
  }

  #get(id: string, { url }: Call): Reply {
    const contact = this.contacts.get(id);
    if (!contact || contact.archived) return notFound;
    const histories = url.searchParams.get("propertiesWithHistory")?.split(",") ?? [];
    const properties = url.searchParams.get("properties")?.split(",") ?? [];
    return { status: 200, body: shown(contact, properties, histories) };
  }

  #patch(id: string, { json }: Call): Reply {
    this.beforeWrite?.();
    const contact = this.contacts.get(id);
    if (!contact || contact.archived) return notFound;
    this.writes.push({ id, properties: json.properties });
    this.change(id, json.properties, "INTEGRATION");
    return { status: 200, body: shown(contact, Object.keys(json.properties), []) };
  }

  #list({ url }: Call): Reply {
    const after = Number(url.searchParams.get("after") ?? 0);
    const limit = Number(url.searchParams.get("limit") ?? 10);
    const all = [...this.contacts.values()].filter(({ archived }) => !archived);
    const left = all
      .filter(({ id }) => Number(id) > after)
      .toSorted((one, other) => Number(one.id) - Number(other.id));
    const results = left.slice(0, limit).map((contact) => shown(contact, ["lastmodifieddate"], []));
    const last = results.at(-1)?.id;
    const next = left.length > limit ? { next: { after: String(last), link: "?after=…" } } : undefined;
    return { status: 200, body: { results, ...(next && { paging: next }) } };
  }

  #search({ json }: Call): Reply {
    const from = Number(json.filterGroups[0].filters[0].value);
    const found = [...this.contacts.values()]
      .filter(({ archived, updatedAt }) => !archived && updatedAt >= from)
      .toSorted((one, other) => one.updatedAt - other.updatedAt || Number(one.id) - Number(other.id));
    const start = Number(json.after ?? 0);
    if (start + json.limit > 10_000)
      return { status: 400, body: { status: "error", category: "VALIDATION_ERROR" } };
    const results = found
      .slice(start, start + json.limit)
      .map((contact) => shown(contact, json.properties, []));
    const end = start + results.length;
    const paging = end < found.length ? { next: { after: String(end) } } : undefined;
    return { status: 200, body: { total: found.length, results, ...(paging && { paging }) } };
  }

  #batch({ json }: Call): Reply {
    const ids: string[] = json.inputs.map(({ id }: { id: string }) => id);
    if (ids.length > 100) return { status: 400, body: { status: "error", category: "VALIDATION_ERROR" } };
    const failed = ids.filter((id) => this.failsInBatch.has(id));
    const found = ids.flatMap((id) => {
      const contact = this.contacts.get(id);
      return contact && !contact.archived && !failed.includes(id)
        ? [shown(contact, json.properties, [])]
        : [];
    });
    const missing = ids.filter((id) => !failed.includes(id) && !found.some((each) => each.id === id));
    const errors = [
      ...(missing.length > 0
        ? [{ status: "error", category: "OBJECT_NOT_FOUND", context: { ids: missing } }]
        : []),
      ...(failed.length > 0
        ? [{ status: "error", category: "INTERNAL_ERROR", context: { ids: failed } }]
        : []),
    ];
    if (errors.length === 0) return { status: 200, body: { status: "COMPLETE", results: found } };
    return { status: 207, body: { status: "COMPLETE", results: found, numErrors: errors.length, errors } };
  }

  #gdprDelete({ json }: Call): Reply {
    const id = String(json.objectId);
    if (!this.contacts.has(id)) return notFound;
    this.erased.push(id);
    this.eraseForPrivacy(id);
    return { status: 204 };
  }

  #set(contact: Contact, properties: Record<string, string | null>, at: number, sourceType: string): void {
    contact.updatedAt = at;
    contact.properties = { ...contact.properties, ...properties };
    for (const [name, value] of Object.entries(properties)) {
      const entries = contact.history.get(name) ?? [];
      entries.unshift({ value, timestamp: new Date(at).toISOString(), sourceType });
      contact.history.set(name, entries);
    }
  }

  #tell(subscriptionType: string, id: string, occurredAt: number, more: object = {}): void {
    const eventId = this.#nextEvent++;
    this.events.push({
      eventId,
      subscriptionId: 25,
      portalId: PORTAL,
      appId: 1_160_452,
      occurredAt,
      subscriptionType,
      objectId: Number(id),
      ...more,
    });
  }

  /** Two changes have two times, as far as HubSpot's milliseconds go. */
  #now(): number {
    this.#lastMs = Math.max(Date.now(), this.#lastMs + 1);
    return this.#lastMs;
  }
}
