// What keeps a process alive, in words.
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

/** Servers, connections, child processes and timers of this process, as the diagnostic report has them. */
export function openHandles(): string[] {
  return handles().flatMap((handle) => describe(handle) ?? []);
}

/** Process ids of the children of this process that run. */
export function openChildren(): number[] {
  return handles().flatMap(({ type, pid }) => (type === "process" && pid ? [pid] : []));
}

function handles(): Handle[] {
  const { libuv } = process.report.getReport() as unknown as { libuv: readonly Handle[] };
  return libuv.filter(({ is_active, is_referenced }) => is_active && is_referenced);
}

function describe({
  type,
  localEndpoint,
  remoteEndpoint,
  firesInMsFromNow,
  pid,
}: Handle): string | undefined {
  if (type === "tcp" && remoteEndpoint) return `connection ${at(localEndpoint)} to ${at(remoteEndpoint)}`;
  if (type === "tcp") return `server at ${at(localEndpoint)}`;
  if (type === "process") return `child process ${pid}`;
  if (type === "timer") return `timer, in ${firesInMsFromNow} ms`;
  return undefined;
}

function at(endpoint: Endpoint | null | undefined): string {
  return endpoint ? `${endpoint.ip4 ?? endpoint.ip6 ?? endpoint.host}:${endpoint.port}` : "?";
}
