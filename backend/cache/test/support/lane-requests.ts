// Requests to the lane's world, as they are on the wire.

import { exchange, withoutClock } from "../../../servers/raw-http.js";
import type { LaneWorld } from "./lane-world.js";

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly token: string | undefined;
  readonly headers: readonly string[];
  readonly body: string;
}

export const get = (target: string, token = "anna", more: Partial<RawRequest> = {}): RawRequest => ({
  method: "GET",
  host: "api.example",
  headers: [],
  body: "",
  target,
  token,
  ...more,
});

/** The answer, but for what the clock decides; by then what was begun behind it is done. */
export async function ask(world: LaneWorld, request: RawRequest): Promise<string> {
  const answer = withoutClock(await exchange(world.port, textOf(request)));
  await world.cache.idle();
  return answer;
}

export const isHit = (answer: string) => answer.includes("express-tenant-cache; hit");

function textOf({ method, target, host, token, headers: more, body }: RawRequest): string {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`];
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  if (body !== "") lines.push(`Content-Length: ${body.length}`);
  lines.push(...more);
  if (!more.some((header) => header.startsWith("Connection:"))) lines.push("Connection: close");
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
