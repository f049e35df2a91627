// A connector reads and writes clients of one other CRM; what all of them take, give and throw.
// Tests: test/integration/sync-hubspot.test.ts, test/integration/sync-salesforce.test.ts

/** Names of the source's fields, with their values as the source has them. */
export type ClientData = Readonly<Record<string, unknown>>;

export interface SourceClient {
  readonly crmId: string;
  readonly data: ClientData;
  /** Opaque; another one after each change that the source dates. */
  readonly version: string;
  readonly modifiedAt: Date;
}

/**
 * - `changed`: created, changed, restored or merged: what it is now has to be read.
 * - `deleted`: reading it says whether that is still so.
 * - `erased`: the source has erased a person for good, and asks the same here.
 * - `overflow`: the source has not said what has changed: all clients have to be read.
 */
export type SourceEventKind = "changed" | "deleted" | "erased" | "overflow";

export interface SourceEvent {
  /** Two events with the same key are the same one, delivered twice. */
  readonly key: string;
  readonly kind: SourceEventKind;
  /** Absent where it is about no single client. */
  readonly crmId?: string;
  readonly occurredAt?: Date;
  /** The account there that it is about, where one delivery may be about several. */
  readonly account?: string;
  /** Of a replay: where to go on once this event is durable. */
  readonly cursor?: string;
}

/** A page of all clients, to find what events have not told. */
export interface ClientPage {
  readonly clients: readonly { readonly crmId: string; readonly version: string }[];
  /** Absent on the last page. */
  readonly next?: string;
}

/** For each client of a batch what became of it: `undefined` where the source has no such client (any more). */
export type BatchRead = ReadonlyMap<string, SourceClient | undefined | Error>;

export interface WebhookRequest {
  readonly method: string;
  /** As the source called it: scheme, host, path and query. */
  readonly url: string;
  readonly rawBody: Buffer;
  header(name: string): string | undefined;
}

export interface Connector {
  readonly crmSystem: string;
  /** Whether it is left alone for now, after failures in a row: whoever asks is told so at once. */
  readonly isAway: boolean;
  /** `undefined` where the source has no such client. @throws SourceThrottled, SourceUnavailable, SourceRefused */
  fetchClient(crmId: string, signal: AbortSignal): Promise<SourceClient | undefined>;
  /** Up to {@link MAX_BATCH} clients by one request; one that fails does not fail the others. @throws as fetchClient, where all of it failed */
  fetchClients(crmIds: readonly string[], signal: AbortSignal): Promise<BatchRead>;
  /** What has changed since; without a cursor, from as far back as the source remembers, begun by an `overflow`. Ends when there is no more for now. */
  changesSince(cursor: string | undefined, signal: AbortSignal): AsyncIterable<SourceEvent>;
  /** All clients by pages, oldest first. */
  listClients(page: string | undefined, signal: AbortSignal): Promise<ClientPage>;
  /**
   * Writes where the source still has `expectedVersion`. Writing the same again changes nothing there.
   * @param writeKey names this change: kept in the source where a field is configured for it
   * @returns the client as it is afterwards
   * @throws SourceConflict with what the source has; SourceThrottled, SourceUnavailable, SourceRefused
   */
  writeClient(
    crmId: string,
    change: ClientData,
    expectedVersion: string,
    writeKey: string,
    signal: AbortSignal,
  ): Promise<SourceClient>;
  /** By the source's own way of erasing. Of a client that is not there, it has been done. */
  eraseClient(crmId: string, signal: AbortSignal): Promise<void>;
  /** Where clients hold the name of the last change that came from here. */
  readonly writeKeyField?: string | undefined;
  /** `undefined`: not signed by the source, or too old. Absent where the source sends no webhooks. */
  verifyWebhook?(request: WebhookRequest): readonly SourceEvent[] | undefined;
}

/** Both batch reads take 100 (HubSpot: batch/read; Salesforce: 200 for composite/sobjects). */
export const MAX_BATCH = 100;

/** Somebody else has changed the client since. */
export class SourceConflict extends Error {
  override readonly name = "SourceConflict";
  /** `undefined`: the client has been deleted there. */
  readonly theirs: SourceClient | undefined;

  constructor(theirs: SourceClient | undefined, message = "the client was changed in the CRM meanwhile") {
    super(message);
    this.theirs = theirs;
  }
}

/** The source asks to wait. Costs no attempt. */
export class SourceThrottled extends Error {
  override readonly name = "SourceThrottled";
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number, message: string) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer, half an answer, or a 5xx: trying again may help; whether a write was done is not known. */
export class SourceUnavailable extends Error {
  override readonly name = "SourceUnavailable";
}

/** The source has understood and says no: trying the same again does not help. */
export class SourceRefused extends Error {
  override readonly name = "SourceRefused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The refresh token is no longer good: somebody has to connect the CRM again. */
export class NeedsReconnect extends Error {
  override readonly name = "NeedsReconnect";
}

/** Whether it is the source's doing: everything else is a fault here. */
export function isSourceError(
  error: unknown,
): error is SourceThrottled | SourceUnavailable | SourceRefused | NeedsReconnect {
  return [SourceThrottled, SourceUnavailable, SourceRefused, NeedsReconnect].some(
    (kind) => error instanceof kind,
  );
}
