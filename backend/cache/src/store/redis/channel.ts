// A channel of Redis, heard over a connection of its own: once it is subscribed, a connection is good for nothing else.
// Tests: test/integration/shared-causes.test.ts
import { BackOff } from "../../back-off.js";
import { connectAgainOnEnd } from "./connect-again.js";
import { endClient } from "./end-client.js";
import type { RedisClient } from "./redis-client.js";

const RECONNECT_MS = [200, 5000] as const;

/**
 * Calls `onText` with what is published, for as long as the connection is there: what is published meanwhile is not
 * told later.
 *
 * @returns ends that
 */
export function hearOn(client: RedisClient, channel: string, onText: (text: string) => void): () => void {
  let isEnded = false;
  const heard = (text: string) => {
    if (!isEnded) onText(text);
  };
  const end = client.hear ? client.hear(channel, heard) : hearOnOwn(client, channel, heard);
  // What is under way is not heard any more: a client goes on telling it until its server has confirmed the end.
  return () => {
    isEnded = true;
    end();
  };
}

function hearOnOwn(client: RedisClient, channel: string, heard: (text: string) => void): () => void {
  const { duplicate } = client;
  // A client of the user's own making.
  if (typeof duplicate !== "function") return ignore;
  const own = duplicate.call(client);
  let isClosed = false;
  const subscribe = () => void own.subscribe?.(channel).catch(ignore);
  own.on("ready", subscribe);
  own.on("message", (from: string, text: string) => {
    if (from === channel) heard(text);
  });
  // The store's own connection reports what is wrong.
  own.on("error", ignore);
  connectAgainOnEnd(own, new BackOff(...RECONNECT_MS), () => isClosed);
  if (own.status === "ready") subscribe();
  else if (own.status === "wait") own.connect?.().catch(ignore);
  return () => {
    isClosed = true;
    endClient(own);
  };
}

function ignore(): void {}
