// What the transparency property has found once: handlers, the middleware around them, and who asked.
import type { Asked } from "./transparency-exchange.js";
import type { Plan } from "./transparency-handlers.js";
import type { Layers } from "./transparency-middleware.js";

const PLAIN: Omit<Asked, "requestId"> = {
  method: "GET",
  acceptEncoding: "gzip",
  origin: "https://x.example",
};

export const FOUND: [Plan, Layers, [Asked, Asked, Asked]][] = [
  // A default that is set before a handler keeps sendFile from saying its own.
  [
    { via: "sendFile", head: { status: 200, headers: [["Set-Cookie", ["seen=1"]]], removed: [] } },
    { before: [], after: [] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3", method: "HEAD" },
    ],
  ],
  // Compressed behind the cache, where middleware in front of it has named Accept-Encoding in Vary before.
  [
    {
      via: "send",
      head: { status: 200, headers: [], removed: [] },
      chunk: { text: "compressed behind the cache ", times: 60 },
      form: "set",
    },
    { before: ["a vary"], after: ["compression"] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "br" },
    ],
  ],
  // A wrong length that compression in front of the cache has removed for one client and not for the next.
  [
    {
      via: "wrong length",
      head: { status: 200, headers: [["Content-Type", ["text/plain"]]], removed: [] },
      text: "four",
      tooMany: -2,
    },
    { before: ["compression"], after: [] },
    [
      { ...PLAIN, requestId: "request-1" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3" },
    ],
  ],
  // A type that is set late, also on a 304 of the handler: compression in front of it goes by the type and names itself in Vary.
  [
    { via: "sendFile", head: { status: 201, headers: [], removed: [] } },
    { before: ["compression"], after: ["a late type"] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "identity", condition: "etag" },
    ],
  ],
  // A strong validator, which is weak where the answer would be compressed: also where a 304 takes its place.
  [
    { via: "sendFile", head: { status: 200, headers: [["ETag", ['"strong"']]], removed: [] } },
    { before: [], after: [] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3", acceptEncoding: "br, gzip;q=0.5", condition: "etag" },
    ],
  ],
  // The same, where compression in front of the cache would have compressed it and left the validator strong.
  [
    {
      via: "parts",
      head: {
        status: 200,
        headers: [
          ["Content-Type", ["text/plain; charset=utf-8"]],
          ["ETag", ['"strong"']],
        ],
        removed: [],
      },
      parts: [{ text: " ", times: 4000 }],
      form: "set",
    },
    { before: ["compression"], after: [] },
    [
      { ...PLAIN, requestId: "request-1", acceptEncoding: "identity" },
      { ...PLAIN, requestId: "request-2" },
      { ...PLAIN, requestId: "request-3" },
    ],
  ],
];
