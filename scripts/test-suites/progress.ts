// What a test file's process tells the runner while it runs: which tests begin and end, the counts, and on SIGUSR2 what is still open.
import { writeSync } from "node:fs";
import { Transform } from "node:stream";

/** The pipe that the runner has given the file's process beside its standard streams. */
const PROGRESS_FD = 3;

/** One line of JSON on that pipe. */
export type Progress =
  | { readonly kind: "begun" | "ended"; readonly test: TestAt }
  | { readonly kind: "counted"; readonly what: string; readonly count: number }
  | { readonly kind: "open"; readonly handles: readonly string[]; readonly resources: readonly string[] };

/** A test or a suite. */
export interface TestAt {
  readonly name: string;
  /** How many suites are around it. */
  readonly nesting: number;
  readonly line: number;
  readonly column: number;
}

interface RunnerEvent {
  readonly type: string;
  readonly data?: Partial<TestAt> & { readonly message?: string };
}

function tell(progress: Progress): void {
  writeSync(PROGRESS_FD, `${JSON.stringify(progress)}\n`);
}

process.on("SIGUSR2", tellWhatIsOpen);

/** A reporter for node's runner that prints nothing. `dequeue` and `complete` come when it happens, the others in order. */
export default new Transform({
  writableObjectMode: true,
  transform({ type, data = {} }: RunnerEvent, _encoding, done) {
    const { name = "", nesting = 0, line = 0, column = 0, message = "" } = data;
    if (type === "test:dequeue") tell({ kind: "begun", test: { name, nesting, line, column } });
    else if (type === "test:complete") tell({ kind: "ended", test: { name, nesting, line, column } });
    else if (type === "test:diagnostic") {
      const [, what, count] = /^(\w+) (\d+)$/.exec(message) ?? [];
      if (what !== undefined) tell({ kind: "counted", what, count: Number(count) });
    }
    done();
  },
});

interface Endpoint {
  readonly host?: string;
  readonly ip4?: string;
  readonly ip6?: string;
  readonly port: number;
}

interface Handle {
  readonly type: string;
  readonly is_active: boolean;
  readonly is_referenced: boolean;
  readonly localEndpoint?: Endpoint | null;
  readonly remoteEndpoint?: Endpoint | null;
  readonly firesInMsFromNow?: number;
  readonly pid?: number;
}

function tellWhatIsOpen(): void {
  const { libuv } = process.report.getReport() as unknown as { libuv: readonly Handle[] };
  tell({
    kind: "open",
    // What is not referenced keeps no process alive, but a test may wait for it: a server that it started, its output.
    handles: libuv.filter(({ is_active }) => is_active).flatMap((handle) => describeHandle(handle) ?? []),
    resources: process.getActiveResourcesInfo(),
  });
}

function describeHandle(handle: Handle): string | undefined {
  const { type, is_referenced, localEndpoint, remoteEndpoint, firesInMsFromNow, pid } = handle;
  const unreferenced = is_referenced ? "" : " (unreferenced)";
  if (type === "tcp" && remoteEndpoint)
    return `connection ${at(localEndpoint)} to ${at(remoteEndpoint)}${unreferenced}`;
  if (type === "tcp") return `server at ${at(localEndpoint)}${unreferenced}`;
  if (type === "process") return `child process ${pid}${unreferenced}`;
  if (type === "timer" && is_referenced) return `timer, in ${firesInMsFromNow} ms`;
  return undefined;
}

function at(endpoint: Endpoint | null | undefined): string {
  return endpoint ? `${endpoint.ip4 ?? endpoint.ip6 ?? endpoint.host}:${endpoint.port}` : "?";
}
