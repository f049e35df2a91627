// A process that cuts a connection while its end is being sent, and then has nothing left to do.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { resetConnection } from "../../servers/tcp-proxy.js";

const server = createServer((socket) => socket.on("error", () => undefined));
server.listen(0, "127.0.0.1");
await once(server, "listening");
const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
await once(client, "connect");
client.end("x");
await new Promise(process.nextTick);
assert.equal(client.writableFinished, false);
resetConnection(client);
server.close();
