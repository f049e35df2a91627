// The head of a response that is not sent yet: kept, and put back.
// Tests: test/integration/held-response.test.ts, test/integration/unsendable-hits.test.ts
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { statusMessageOf } from "./late-head.js";

export interface KeptHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** In lower case. */
  readonly headers: OutgoingHttpHeaders;
}

/** The head of a response that nobody has touched. */
export const UNTOUCHED: KeptHead = { statusCode: 200, statusMessage: "", headers: {} };

export function keepHead(res: ServerResponse, headers: OutgoingHttpHeaders): KeptHead {
  return { statusCode: res.statusCode, statusMessage: statusMessageOf(res), headers };
}

/** What has not changed since is left alone, with its spelling. */
export function putHeadBack(res: ServerResponse, { statusCode, statusMessage, headers }: KeptHead): void {
  res.statusCode = statusCode;
  if (statusMessageOf(res) !== statusMessage) res.statusMessage = statusMessage;
  const { sendDate } = res;
  for (const name of res.getHeaderNames()) if (headers[name] === undefined) res.removeHeader(name);
  // Whoever removes a Date has Node send none at all.
  if (res.sendDate !== sendDate) res.sendDate = sendDate;
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && res.getHeader(name) !== value) res.setHeader(name, value);
}
