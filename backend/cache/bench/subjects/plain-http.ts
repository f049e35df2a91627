// Node's own server, which ends with a ready Buffer: what a server in front of Express can reach at most.
import { createServer } from "node:http";
import { bodyOfFirstList } from "./first-list.js";
import type { StartSubject } from "./subject.js";

const start: StartSubject = async (context) => {
  const body = await bodyOfFirstList(context);
  const headers = { "Content-Type": "application/json; charset=utf-8", "Content-Length": body.length };
  return {
    server: createServer((_req, res) => {
      res.writeHead(200, headers);
      res.end(body);
    }),
  };
};

export default start;
