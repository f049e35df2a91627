// Requests that do not come from a socket: light-my-request, an optional peer, loaded where something needs it.
// Tests: test/integration/stale.test.ts, test/integration/origins.test.ts
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { type LightMyRequest, loadLightMyRequest } from "../peers.js";

type Dispatch = (req: never, res: never) => void;

/** A request, in all that its key may depend on. */
export interface InjectedRequest {
  /** Default GET. */
  readonly method?: string | undefined;
  /** Its bytes, as they would be on the wire. Default none. */
  readonly body?: string | undefined;
  /** The target, as it would be on the wire. */
  readonly url: string;
  /** All of them, Host among them. */
  readonly headers: IncomingHttpHeaders;
  /** Whether it is to seem to have come by TLS. */
  readonly isEncrypted: boolean;
  readonly remoteAddress?: string | undefined;
}

/** Hands request and response to the app, and before that to `made`. */
export type Inject = (
  app: Dispatch,
  request: InjectedRequest,
  made?: (req: object, res: ServerResponse) => void,
) => Promise<{ readonly statusCode: number }>;

/**
 * @param why what needs it, for the advice
 * @param given the package, where the user has loaded it
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where the package is not installed
 */
export function loadInject(why: string, given: LightMyRequest | undefined): Inject {
  const lightMyRequest = loadLightMyRequest(why, given);
  return (app, { method = "GET", body, url, headers, isEncrypted, remoteAddress }, made) => {
    const dispatch = (req: IncomingMessage, res: ServerResponse) => {
      // As they are: light-my-request would spell the URL anew, and add a Host and a User-Agent of its own.
      const fields = Object.entries(headers).filter(([, value]) => value !== undefined);
      Object.assign(req, {
        method,
        url,
        headers: Object.fromEntries(fields),
        rawHeaders: fields.flatMap(([name, value]) => [name, String(value)]),
      });
      Object.assign(req.socket, { encrypted: isEncrypted });
      made?.(req, res);
      app(req as never, res as never);
    };
    return lightMyRequest(dispatch, {
      method: "GET",
      url: "/",
      ...(body !== undefined && { payload: body }),
      ...(remoteAddress !== undefined && { remoteAddress }),
    });
  };
}
