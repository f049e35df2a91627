// PostgreSQL every time.
import { createServer } from "node:http";
import express from "express";
import { listHandler } from "./list-handler.js";
import type { StartSubject } from "./subject.js";

const start: StartSubject = (context) => {
  const app = express().disable("x-powered-by");
  app.get("/accounts", listHandler(context));
  return { server: createServer(app) };
};

export default start;
