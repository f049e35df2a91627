// Node's own server, which ends with one of many ready Buffers: what is left where the bodies of all lists are more than the CPU's caches hold.
import { createServer } from "node:http";
import { bodyOfFirstList } from "./first-list.js";
import type { StartSubject } from "./subject.js";

/** As many as the workload has lists. */
const COPIES = 2000;

const start: StartSubject = async (context) => {
  const body = await bodyOfFirstList(context);
  const copies = Array.from({ length: COPIES }, () => Buffer.from(body));
  const headers = { "Content-Type": "application/json; charset=utf-8", "Content-Length": body.length };
  let next = 0;
  return {
    server: createServer((_req, res) => {
      res.writeHead(200, headers);
      res.end(copies[next++ % COPIES]);
    }),
  };
};

export default start;
