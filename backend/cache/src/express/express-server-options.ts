// Requests and responses that are made with an app's prototypes, so that Express need not change those of each request.
import { IncomingMessage, ServerResponse } from "node:http";
import { TenantCacheError } from "../errors.js";
import { refuseSurplus } from "../options/arguments.js";
import { shown } from "../shown.js";

/** An Express app: the prototypes that it gives to every request and response that it handles. */
export interface AppPrototypes {
  readonly request: object;
  readonly response: object;
}

/** For `http.createServer` and `https.createServer`. */
export interface ExpressServerOptions {
  readonly IncomingMessage?: typeof IncomingMessage;
  readonly ServerResponse?: typeof ServerResponse;
}

/**
 * From here on a changed prototype costs next to nothing, and a constructor beside Node's own more than that.
 */
const FIRST_UNTROUBLED_NODE = 24;

/**
 * Express replaces the prototypes of each request and response by the app's own (`Object.setPrototypeOf`). Up
 * to Node 22 that costs a route more than all else that Express does: V8 leaves its fast paths, and what it
 * leaves behind survives collections. A server with these options makes requests with the app's prototypes
 * from the start, and Express finds nothing to replace:
 *
 * ```ts
 * http.createServer(expressServerOptions(app), app).listen(4001);
 * ```
 *
 * Nothing else changes; from Node 24 on, nothing at all. Also in front of a lane, and beside options for TLS.
 * What runs before the app sees the app's methods on `req` and `res`. Apps mounted in this one change
 * prototypes for their own requests, as ever.
 *
 * @throws TenantCacheError `ETC_OPTIONS` for what is no Express app, `ETC_ARGUMENTS`
 */
export function expressServerOptions(app: AppPrototypes, ...surplus: never[]): ExpressServerOptions {
  refuseSurplus("expressServerOptions", surplus, "{ ...expressServerOptions(app), key, cert }");
  if (!(app?.request instanceof IncomingMessage && app.response instanceof ServerResponse)) {
    throw new TenantCacheError(
      "ETC_OPTIONS",
      `expressServerOptions: the app is ${shown(app)}: write expressServerOptions(app), with the Express app that the server is for`,
    );
  }
  if (Number.parseInt(process.versions.node, 10) >= FIRST_UNTROUBLED_NODE) return {};
  return {
    IncomingMessage: withPrototype(IncomingMessage, app.request),
    ServerResponse: withPrototype(ServerResponse, app.response),
  };
}

/**
 * A constructor of the same objects with another prototype. Node's are functions, not classes, in all
 * versions that this is for. V8 makes room in an object for as many properties as it sees its constructor
 * assign, and later gives back what the first objects have not needed. This one assigns none; without the
 * room V8 would copy a growing list of them eleven times for each response, and in the end treat it as a
 * dictionary. Node assigns 44, Express and its users more.
 */
function withPrototype<T extends typeof IncomingMessage | typeof ServerResponse>(
  base: T,
  prototype: object,
): T {
  function made(this: Record<string, undefined>, ...args: unknown[]): void {
    if (!base) {
      // biome-ignore format: never run, and read by V8 alone
      this.a = this.b = this.c = this.d = this.e = this.f = this.g = this.h = this.i = this.j = this.k = this.l = this.m = this.n = this.o = this.p =
        this.q = this.r = this.s = this.t = this.u = this.v = this.w = this.x = this.y = this.z = this.aa = this.bb = this.cc = this.dd = this.ee = this.ff =
        this.gg = this.hh = this.ii = this.jj = this.kk = this.ll = this.mm = this.nn = this.oo = this.pp = this.qq = this.rr = this.ss = this.tt = this.uu = this.vv = undefined;
    }
    Reflect.apply(base, this, args);
  }
  made.prototype = prototype;
  return made as unknown as T;
}
