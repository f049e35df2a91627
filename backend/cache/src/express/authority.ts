// The authority of a request (RFC 9110 section 4.2): scheme, host and port as Express sees them, in one spelling.
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import { BoundedMap, ownText } from "../bounded-map.js";
import type { AuthorityRule } from "../options/authority-option.js";
import { originOf, type Scheme } from "../origin.js";

/** Of each scheme: some thousands, where each tenant has a host of its own. */
const MAX_REMEMBERED = { maxCharacters: 1024 * 1024 };

/** Origins (`https://api.example.com`) by the fields that name hosts. */
class Origins {
  readonly #read: (field: string) => string | undefined;
  readonly #known = new BoundedMap<string>(MAX_REMEMBERED);

  constructor(read: (field: string) => string | undefined) {
    this.#read = read;
  }

  /** `undefined` where the field names no host. */
  of(field: string): string | undefined {
    return this.#known.get(field) ?? this.#make(field);
  }

  #make(field: string): string | undefined {
    const origin = this.#read(field);
    if (origin !== undefined) this.#known.set(field, ownText(origin));
    return origin;
  }
}

const ORIGINS = {
  http: new Origins((host) => originOf("http", host)),
  https: new Origins((host) => originOf("https", host)),
};
/** By `X-Forwarded-Host`, of whose hosts Express takes the first. */
const FORWARDED_ORIGINS = {
  http: new Origins((hosts) => originOf("http", firstOf(hosts))),
  https: new Origins((hosts) => originOf("https", firstOf(hosts))),
};

/** What a route makes of its requests' authorities. */
export class Authorities {
  readonly #isIgnored: boolean;
  readonly #answersTo: ReadonlySet<string> | undefined;

  constructor(rule: AuthorityRule) {
    this.#isIgnored = rule === "ignore";
    if (typeof rule !== "string") {
      const origins = rule.flatMap((host) => [originOf("http", host), originOf("https", host)]);
      this.#answersTo = new Set(origins.filter((origin) => origin !== undefined));
    }
  }

  /**
   * What belongs into the key; `undefined` where the request names no authority, more than one, or one that
   * is not answered to.
   */
  of(req: Request): string | undefined {
    return this.#isIgnored ? "" : authorityOf(req, this.#answersTo);
  }
}

function authorityOf(req: Request, answersTo: ReadonlySet<string> | undefined): string | undefined {
  // Handlers make links of the target, too: of its absolute form (RFC 9112 section 3.2.2) with an authority
  // of its own.
  if ((req.originalUrl ?? req.url).charCodeAt(0) !== SLASH) return undefined;
  const host = hostOf(req);
  if (host === undefined) return undefined;
  let scheme: Scheme | undefined = isEncrypted(req) ? "https" : "http";
  let forwardedHost: unknown;
  if (!isNamedByHostAlone(req) && trustsPeer(req)) {
    scheme = forwardedScheme(req.headers["x-forwarded-proto"], scheme);
    forwardedHost = req.headers["x-forwarded-host"];
  }
  if (scheme === undefined) return undefined;
  const own = ORIGINS[scheme].of(host);
  if (own === undefined) return undefined;
  const seen = isAbsent(forwardedHost) ? own : forwardedOrigin(scheme, forwardedHost);
  if (seen === undefined || answersTo?.has(seen) === false) return undefined;
  const said = req.httpVersionMajor === 2 ? req.headers[":scheme"] : undefined;
  if (seen === own && (said === undefined || said === scheme)) return seen;
  // What Express does not look at, handlers may: the Host that a proxy has put in the place of the client's,
  // and HTTP/2's own scheme.
  return said === undefined || said === "http" || said === "https"
    ? `${seen} ${own} ${said ?? scheme}`
    : undefined;
}

const SLASH = 47;

/**
 * The host and port that a request names, as it came.
 * @returns `undefined` where it names none, or more than one (RFC 9112 section 3.2, RFC 9113 section 8.3.1)
 */
export function hostOf(req: IncomingMessage): string | undefined {
  const { headers } = req;
  let host: unknown = headers.host;
  if (req.httpVersionMajor === 2) {
    const authority: unknown = headers[":authority"];
    host ??= authority;
    if (authority !== undefined && authority !== host) return undefined;
  }
  return typeof host === "string" && isNamedOnce(req) ? host : undefined;
}

/** Of several Host fields Node keeps the first one. */
function isNamedOnce({ rawHeaders }: IncomingMessage): boolean {
  // What frameworks make off the socket need not have them.
  if (rawHeaders === undefined) return true;
  let isNamed = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== 4 || !isHost(name)) continue;
    if (isNamed) return false;
    isNamed = true;
  }
  return true;
}

/** Whether a name of four letters is Host, in any case; without making a text of it. */
function isHost(name: string): boolean {
  return (
    (name.charCodeAt(0) | LOWER_CASE) === H &&
    (name.charCodeAt(1) | LOWER_CASE) === O &&
    (name.charCodeAt(2) | LOWER_CASE) === S &&
    (name.charCodeAt(3) | LOWER_CASE) === T
  );
}

const LOWER_CASE = 0x20;
const [H, O, S, T] = [0x68, 0x6f, 0x73, 0x74];

export function isEncrypted({ socket }: IncomingMessage): boolean {
  return Boolean((socket as { encrypted?: unknown } | undefined)?.encrypted);
}

/** As the app's setting `trust proxy` says; a router without an app around it trusts nobody. */
function trustsPeer({ app, socket }: Partial<Request>): boolean {
  return app?.get("trust proxy fn")(socket?.remoteAddress, 0) ?? false;
}

/** As Express takes it. */
function isAbsent(forwarded: unknown): boolean {
  return forwarded === undefined || forwarded === "";
}

/**
 * As `req.protocol` has it: the first of several. Nobody says other schemes than these two of a request for a
 * resource.
 */
function forwardedScheme(forwarded: unknown, own: Scheme): Scheme | undefined {
  if (isAbsent(forwarded)) return own;
  const scheme = typeof forwarded === "string" ? firstOf(forwarded) : undefined;
  return scheme === "http" || scheme === "https" ? scheme : undefined;
}

/** As `req.host` has it in Express 5, and `req.hostname` in both: the first of several. */
function forwardedOrigin(scheme: Scheme, forwarded: unknown): string | undefined {
  return typeof forwarded === "string" ? FORWARDED_ORIGINS[scheme].of(forwarded) : undefined;
}

function firstOf(list: string): string {
  const comma = list.indexOf(",");
  return comma === -1 ? list : list.slice(0, comma).trim();
}

/**
 * Whether nothing but Host and connection can tell an app the authority: no `X-Forwarded-*`, whose sender it
 * may trust, and no HTTP/2, which says the scheme as well.
 */
export function isNamedByHostAlone({ headers, httpVersionMajor }: IncomingMessage): boolean {
  return (
    headers["x-forwarded-host"] === undefined &&
    headers["x-forwarded-proto"] === undefined &&
    httpVersionMajor !== 2
  );
}
