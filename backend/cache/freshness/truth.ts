// The truth: versions by tenant and module in a process of its own, which outlives every backend. One line asks, one line answers.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface Truth {
  /** The versions of these modules, read at one moment. */
  read(tenant: string, modules: readonly string[]): Promise<readonly number[]>;
  /** Commits a new version of each module at one moment, and resolves with them. */
  write(tenant: string, modules: readonly string[]): Promise<readonly number[]>;
  close(): void;
}

/** Serves the truth on a free loopback port. */
export async function serveTruth(): Promise<number> {
  const versions = new Map<string, number>();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    onLine(socket, (line) => {
      const [verb, tenant, ...modules] = line.split(" ");
      const answer = modules.map((module) => {
        const cell = `${tenant} ${module}`;
        const version = (versions.get(cell) ?? 0) + (verb === "write" ? 1 : 0);
        versions.set(cell, version);
        return version;
      });
      socket.write(`${answer.join(" ")}\n`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A reset connection (its peer was killed) only ends: `close` tells. */
function onLine(socket: Socket, hear: (line: string) => void): void {
  socket.on("error", () => undefined);
  createInterface({ input: socket })
    .on("error", () => undefined)
    .on("line", hear);
}

export async function connectTruth(port: number): Promise<Truth> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  await once(socket, "connect");
  return new TruthClient(socket);
}

class TruthClient implements Truth {
  readonly #socket: Socket;
  /** Answers come in the order of the questions. */
  readonly #waiting: { resolve: (versions: number[]) => void; reject: (error: Error) => void }[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    onLine(socket, (line) => this.#waiting.shift()?.resolve(line.split(" ").map(Number)));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("the truth has gone away"));
    });
  }

  read(tenant: string, modules: readonly string[]): Promise<readonly number[]> {
    return this.#ask(`read ${tenant} ${modules.join(" ")}`);
  }

  write(tenant: string, modules: readonly string[]): Promise<readonly number[]> {
    return this.#ask(`write ${tenant} ${modules.join(" ")}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(line: string): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${line}\n`);
    });
  }
}
