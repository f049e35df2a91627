// The measure of all others: an Express route that ends with a ready Buffer.
import { createServer } from "node:http";
import express, { type Express } from "express";
import { bodyOfFirstList } from "./first-list.js";
import type { StartSubject, SubjectContext } from "./subject.js";

const start: StartSubject = async (context) => ({ server: createServer(await readyBufferApp(context)) });

export async function readyBufferApp(context: SubjectContext): Promise<Express> {
  const body = await bodyOfFirstList(context);
  const app = express().disable("x-powered-by");
  app.get("/accounts", (_req, res) => {
    res.setHeader("Content-Type", "application/json; charset=utf-8");
    res.setHeader("Content-Length", body.length);
    res.end(body);
  });
  return app;
}

export default start;
