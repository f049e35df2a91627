// The same Express route behind a server that makes requests as the app wants them.
import { createServer } from "node:http";
import { expressServerOptions } from "../../src/index.js";
import { readyBufferApp } from "./bare-express.js";
import type { StartSubject } from "./subject.js";

const start: StartSubject = async (context) => {
  const app = await readyBufferApp(context);
  return { server: createServer(expressServerOptions(app), app) };
};

export default start;
