// Letters beyond ASCII in a head: Node writes them in UTF-8 where a text goes out with the head, else in Latin-1. A hit has the bytes that the handler's own answer had.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import compression from "compression";
import type { RequestHandler, Response } from "express";
import { openCache } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { askPlainly, type PlainAnswer } from "../support/plain-request.js";

const GZIP = { "accept-encoding": "gzip" };
const NAME = 'inline; filename="élan.csv"';

/** By how the answer ends. */
const ANSWERS: Record<string, (res: Response) => unknown> = {
  "end with a text": (res) => res.end("text"),
  "end with a text, and its encoding": (res) => res.end("text", "utf8"),
  "end with a text in an encoding by another name": (res) => res.end("text", "utf-8"),
  "end with a text in latin1": (res) => res.end("text", "latin1"),
  "end with bytes": (res) => res.end(Buffer.from("bytes")),
  "end with nothing": (res) => res.end(),
  "end with an empty text": (res) => res.end(""),
  "send, short": (res) => res.send("text"),
  "send, long": (res) => res.send("text".repeat(1000)),
  json: (res) => res.json({ rows: ["é"] }),
  "a status message": (res) => {
    res.statusMessage = "Trouvé";
    res.end("text");
  },
  "a status message, with bytes": (res) => {
    res.statusMessage = "Trouvé";
    res.end(Buffer.from("bytes"));
  },
  "a declared length": (res) => res.set("Content-Length", "4").end("text"),
  "a declared length, in parts": (res) => {
    res.set("Content-Length", "8").write("text");
    res.end("text");
  },
  "an empty part first": (res) => {
    res.set("Content-Length", "4").write("");
    res.end("text");
  },
  "bytes first": (res) => {
    res.set("Content-Length", "9").write(Buffer.from("bytes"));
    res.end("text");
  },
  "in parts, chunked": (res) => {
    res.write("text");
    res.end("text");
  },
  "an explicit head": (res) => res.writeHead(200, { "X-Given": "é" }).end("text"),
  "an explicit head with a length": (res) =>
    res.writeHead(200, { "X-Given": "é", "Content-Length": "4" }).end("text"),
  "a head that is flushed": (res) => {
    res.set("Content-Length", "4").flushHeaders();
    res.end("text");
  },
};

const IN_FRONT: Record<string, RequestHandler> = {
  "nothing in front": (_req, _res, next) => next(),
  "compression in front": compression({ threshold: 0 }),
  "compression in front, of large bodies": compression({ threshold: 500 }),
};

function headOf({ status, statusMessage, headers, body }: PlainAnswer) {
  const given = [headers["content-disposition"], headers["x-given"], headers.etag];
  return { status, statusMessage, given, body };
}

for (const [front, layer] of Object.entries(IN_FRONT)) {
  describe(`a head with letters beyond ASCII, ${front}`, () => {
    test.each(Object.keys(ANSWERS))("%s", async (way) => {
      const answer = ANSWERS[way] as (typeof ANSWERS)[string];
      const cache = await openCache("memory", { headers: { etag: false } });
      let runs = 0;
      const app = await serve((express) => {
        express.set("etag", false);
        const handler = (_req: unknown, res: Response) => {
          runs++;
          res.set("Content-Disposition", NAME);
          answer(res);
        };
        express.use(layer);
        express.get("/plain", handler);
        express.get("/cached", cache.cacheList("items"), handler);
      });
      try {
        const expected = headOf(await askPlainly(`${app.url}/plain`, GZIP));
        const miss = await askPlainly(`${app.url}/cached`, GZIP);
        const hit = await askPlainly(`${app.url}/cached`, GZIP);
        assert.match(miss.cache, /^fwd=miss/);
        assert.equal(hit.cache, "hit");
        assert.equal(runs, 2);
        assert.deepEqual(headOf(miss), expected);
        assert.deepEqual(headOf(hit), expected);
      } finally {
        await app.close();
      }
    });
  });
}
