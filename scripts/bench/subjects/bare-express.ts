// The measure of all others: an Express route that ends with a ready Buffer.
import { createServer } from "node:http";
import express from "express";
import { bodyOfFirstList } from "./first-list.js";
import type { StartSubject } from "./subject.js";

const start: StartSubject = async (context) => {
  const body = await bodyOfFirstList(context);
  const app = express().disable("x-powered-by");
  app.get("/accounts", (_req, res) => {
    res.setHeader("Content-Type", "application/json; charset=utf-8");
    res.setHeader("Content-Length", body.length);
    res.end(body);
  });
  return { server: createServer(app) };
};

export default start;
