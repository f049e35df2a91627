// Salesforce, as its documentation says: sObject rows with conditional writes, collections, queries by pages, limits, and change events over CometD.
import { randomUUID } from "node:crypto";
import { type Call, CrmServer, type Reply } from "./crm-server.js";

interface SalesforceContact {
  fields: Record<string, unknown>;
  modifiedMs: number;
}

export type ChangeEvent = { readonly replayId: number; readonly header: Record<string, unknown> };

const OBJECT = "Contact";
const CHANNEL = "/data/ContactChangeEvent";
const DATA = "/services/data/v66.0";
const error = (status: number, errorCode: string): Reply => ({
  status,
  body: [{ errorCode, message: errorCode }],
});

export class SalesforceServer extends CrmServer {
  protected readonly tokenPath = "/services/oauth2/token";
  readonly contacts = new Map<string, SalesforceContact>();
  /** Kept for 72 hours; the test says what has gone since. */
  log: ChangeEvent[] = [];
  /** Events that are not delivered: as if they had been lost. */
  readonly lost = new Set<number>();
  readonly writes: { readonly id: string; readonly fields: Record<string, unknown> }[] = [];
  readonly deleted: string[] = [];
  pageSize = 2000;
  isLimitReached = false;
  retryAfter: string | undefined;
  /** Runs between a PATCH's arrival and its being carried out. */
  beforeWrite: (() => void) | undefined;
  #oldestKept = 0;
  #nextReplay = 1000;
  #nextId = 1;
  readonly #sessions = new Map<string, { next: number | undefined }>();

  create(fields: Record<string, unknown>): string {
    const id = `003${String(this.#nextId++).padStart(12, "0")}AAA`;
    this.contacts.set(id, { fields, modifiedMs: Date.now() });
    this.#tell("CREATE", [id]);
    return id;
  }

  change(id: string, fields: Record<string, unknown>): void {
    const contact = this.contacts.get(id);
    if (!contact) throw new Error(`no contact ${id}`);
    contact.fields = { ...contact.fields, ...fields };
    contact.modifiedMs = Date.now();
    this.#tell("UPDATE", [id]);
  }

  remove(id: string): void {
    this.contacts.delete(id);
    this.#tell("DELETE", [id]);
  }

  /** A change without its event: instead of it, what it is about; or, for an overflow, not even that. */
  changeWithGap(
    id: string,
    fields: Record<string, unknown>,
    changeType: "GAP_UPDATE" | "GAP_OVERFLOW",
  ): void {
    const contact = this.contacts.get(id);
    if (!contact) throw new Error(`no contact ${id}`);
    contact.fields = { ...contact.fields, ...fields };
    contact.modifiedMs = Date.now();
    this.#tell(changeType, changeType === "GAP_OVERFLOW" ? ["000000000000000AAA"] : [id]);
  }

  /** 72 hours later. */
  forgetEvents(): void {
    this.#oldestKept = this.#nextReplay;
    this.log = [];
    this.#nextReplay += 1;
  }

  protected override tokenExtras() {
    return {
      instance_url: this.url,
      id: `${this.url}/id/00D/005`,
      issued_at: String(Date.now()),
      signature: "…",
    };
  }

  protected unauthorized(): Reply {
    return error(401, "INVALID_SESSION_ID");
  }

  protected failure(): Reply {
    return error(503, "SERVER_UNAVAILABLE");
  }

  protected limited(): Reply | undefined {
    if (!this.isLimitReached) return undefined;
    const headers = this.retryAfter === undefined ? {} : { "Retry-After": this.retryAfter };
    return { ...error(403, "REQUEST_LIMIT_EXCEEDED"), headers };
  }

  protected handle(call: Call): Reply | Promise<Reply> {
    if (call.path === "/cometd/66.0") return this.#bayeux(call);
    const [, id] = new RegExp(`^${DATA}/sobjects/${OBJECT}/(\\w+)$`).exec(call.path) ?? [];
    if (id !== undefined) return this.#row(id, call);
    if (call.method === "POST" && call.path === `${DATA}/composite/sobjects/${OBJECT}`)
      return this.#collection(call);
    if (call.path.startsWith(`${DATA}/query`)) return this.#query(call);
    return error(404, "NOT_FOUND");
  }

  #row(id: string, { method, url, headers, json }: Call): Reply {
    if (method === "PATCH") this.beforeWrite?.();
    const contact = this.contacts.get(id);
    if (!contact) return error(404, "NOT_FOUND");
    if (method === "DELETE") {
      this.deleted.push(id);
      this.remove(id);
      return { status: 204 };
    }
    if (method !== "PATCH")
      return { status: 200, body: shown(id, contact, url.searchParams.get("fields")?.split(",") ?? []) };
    const since = headers["if-unmodified-since"];
    if (since !== undefined) {
      const sinceMs = Date.parse(since);
      if (Number.isNaN(sinceMs)) return error(400, "INVALID_HEADER");
      if (Math.floor(contact.modifiedMs / 1000) * 1000 > sinceMs) return error(412, "PRECONDITION_FAILED");
    }
    this.writes.push({ id, fields: json });
    this.change(id, json);
    return { status: 204 };
  }

  #collection({ json }: Call): Reply {
    const ids: string[] = json.ids;
    if (ids.some((id) => !/^\w{15}(\w{3})?$/.test(id))) return error(400, "MALFORMED_ID");
    const body = ids.map((id) => {
      const contact = this.contacts.get(id);
      return contact ? shown(id, contact, json.fields) : null;
    });
    return { status: 200, body };
  }

  #query({ path }: Call): Reply {
    const start = Number(/-(\d+)$/.exec(path)?.[1] ?? 0);
    const all = [...this.contacts].toSorted(([one], [other]) => (one < other ? -1 : 1));
    const records = all.slice(start, start + this.pageSize).map(([id, contact]) => shown(id, contact, []));
    const end = start + records.length;
    const done = end >= all.length;
    const next = done ? {} : { nextRecordsUrl: `${DATA}/query/01gD0000002HU6KIAW-${end}` };
    return { status: 200, body: { totalSize: all.length, done, ...next, records } };
  }

  /** https://docs.cometd.org/current/reference/#_bayeux, with Salesforce's replay extension. */
  async #bayeux({ json }: Call): Promise<Reply> {
    const answers: object[] = [];
    for (const message of json) {
      const session = this.#sessions.get(message.clientId);
      if (message.channel === "/meta/handshake") {
        const clientId = randomUUID();
        this.#sessions.set(clientId, { next: undefined });
        answers.push({
          channel: message.channel,
          successful: true,
          clientId,
          version: "1.0",
          ext: { replay: true },
        });
      } else if (!session) {
        const advice = { reconnect: "handshake" };
        answers.push({ channel: message.channel, successful: false, error: "403::Unknown client", advice });
      } else if (message.channel === "/meta/subscribe") {
        answers.push(this.#subscribe(session, message));
      } else {
        answers.push(...(await this.#connect(session, message)));
      }
    }
    return { status: 200, body: answers };
  }

  #subscribe(
    session: { next: number | undefined },
    { subscription, ext }: { subscription: string; ext?: { replay?: Record<string, number> } },
  ): object {
    const from = ext?.replay?.[subscription] ?? -1;
    const answer = { channel: "/meta/subscribe", subscription };
    if (subscription !== CHANNEL) return { ...answer, successful: false, error: "403::Handshake denied" };
    if (from >= 0 && from < this.#oldestKept)
      return {
        ...answer,
        successful: false,
        error: `400::The replayId {${from}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.`,
      };
    session.next = from === -2 ? 0 : from === -1 ? this.#nextReplay : from + 1;
    return { ...answer, successful: true };
  }

  async #connect(
    session: { next: number | undefined },
    { advice }: { advice?: { timeout?: number } },
  ): Promise<object[]> {
    const untilMs = Date.now() + Math.min(advice?.timeout ?? 110_000, 300);
    for (;;) {
      const from = session.next ?? Number.POSITIVE_INFINITY;
      const found = this.log
        .filter(({ replayId }) => replayId >= from && !this.lost.has(replayId))
        .slice(0, 50);
      const last = found.at(-1);
      if (last) session.next = last.replayId + 1;
      if (found.length > 0 || Date.now() >= untilMs) {
        const data = found.map(({ replayId, header }) => ({
          channel: CHANNEL,
          data: { schema: "…", payload: { ChangeEventHeader: header }, event: { replayId } },
        }));
        return [
          ...data,
          { channel: "/meta/connect", successful: true, advice: { reconnect: "retry", interval: 0 } },
        ];
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #tell(changeType: string, recordIds: readonly string[]): void {
    this.#nextReplay += 1 + Math.floor(Math.random() * 3);
    this.log.push({
      replayId: this.#nextReplay,
      header: {
        entityName: OBJECT,
        recordIds,
        changeType,
        changeOrigin: "com/salesforce/api/rest/66.0",
        transactionKey: randomUUID(),
        sequenceNumber: 1,
        commitTimestamp: Date.now(),
        commitNumber: this.#nextReplay,
        commitUser: "005xx000001TT96AAG",
        changedFields: [],
      },
    });
  }
}

/** Dates have seconds, as the API's have. */
function shown(id: string, { fields, modifiedMs }: SalesforceContact, names: readonly string[]) {
  const date = `${new Date(Math.floor(modifiedMs / 1000) * 1000).toISOString().slice(0, 19)}.000+0000`;
  const all: Record<string, unknown> = { ...fields, Id: id, LastModifiedDate: date, SystemModstamp: date };
  const given = names.length === 0 ? ["Id", "SystemModstamp"] : names;
  return {
    attributes: { type: OBJECT, url: `${DATA}/sobjects/${OBJECT}/${id}` },
    ...Object.fromEntries(given.map((name) => [name, all[name] ?? null])),
  };
}
