// A witness (C2SP tlog-witness): cosigns a checkpoint once it has checked that it continues the one before. It knows no database.
// Tests: test/integration/audit-witness.test.ts
import { createServer, type IncomingMessage, type Server } from "node:http";
import { verifyConsistency } from "./merkle.js";
import {
  type Checkpoint,
  cosignatureLine,
  isSignedBy,
  parseCheckpoint,
  parseNote,
  type SignerKey,
  type VerifierKey,
} from "./signed-note.js";
import type { WitnessState } from "./witness-state.js";

/** Far above what 63 hashes and 16 signatures take. */
const MAX_BODY_BYTES = 64 * 1024;
const MAX_PROOF_LINES = 63;

export interface WitnessServerOptions {
  readonly key: SignerKey;
  /** A log is known by its key: its origin is the key's name, or begins with that and a slash. */
  readonly logs: readonly VerifierKey[];
  readonly state: WitnessState;
  /** Default: `Date.now`. */
  readonly now?: () => number;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

export class Witness {
  readonly #options: WitnessServerOptions;
  /** Of each origin, one at a time: else an older checkpoint could overtake a newer one between check and record. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: WitnessServerOptions) {
    this.#options = options;
  }

  /** Answers the body of `POST /add-checkpoint`. */
  async addCheckpoint(body: string): Promise<Answer> {
    const request = parseRequest(body);
    if (request === undefined)
      return { status: 400, body: "write old, proof, an empty line and a checkpoint\n" };
    const { origin } = request.checkpoint;
    const keys = this.#options.logs.filter(({ name }) => origin === name || origin.startsWith(`${name}/`));
    if (keys.length === 0) return { status: 404, body: "unknown origin\n" };
    if (!keys.some((key) => isSignedBy(request.note, key)))
      return { status: 403, body: "not signed by the log\n" };
    const turn = (this.#turns.get(origin) ?? Promise.resolve()).then(() => this.#judge(request));
    this.#turns.set(
      origin,
      turn.catch(() => undefined),
    );
    return await turn;
  }

  async #judge({ oldSize, proof, checkpoint, note }: AddCheckpoint): Promise<Answer> {
    const { key, state, now = Date.now } = this.#options;
    const { origin, size, root } = checkpoint;
    if (oldSize > size) return { status: 400, body: "old size is above the checkpoint's\n" };
    const known = state.get(origin);
    if (oldSize !== (known?.size ?? 0))
      return { status: 409, body: `${known?.size ?? 0}\n`, type: "text/x.tlog.size" };
    if (known && size === known.size && !root.equals(known.root))
      return { status: 409, body: `${known.size}\n`, type: "text/x.tlog.size" };
    if (!verifyConsistency(oldSize, size, proof, known?.root ?? root, root))
      return { status: 422, body: "the proof does not verify\n" };
    // Before anybody has the cosignature.
    await state.put(checkpoint);
    return { status: 200, body: cosignatureLine(note.text, key, Math.floor(now() / 1000)) };
  }
}

interface AddCheckpoint {
  readonly oldSize: number;
  readonly proof: readonly Buffer[];
  readonly note: {
    readonly text: string;
    readonly signatures: NonNullable<ReturnType<typeof parseNote>>["signatures"];
  };
  readonly checkpoint: Checkpoint;
}

function parseRequest(body: string): AddCheckpoint | undefined {
  const end = body.indexOf("\n\n");
  const [first = "", ...lines] = body.slice(0, end).split("\n");
  const oldSize = Number(/^old (0|[1-9]\d*)$/.exec(first)?.[1] ?? Number.NaN);
  const proof = lines.map((line) => Buffer.from(line, "base64"));
  const note = parseNote(body.slice(end + 2));
  const checkpoint = note && parseCheckpoint(note.text);
  const isRequest = end !== -1 && Number.isSafeInteger(oldSize) && lines.length <= MAX_PROOF_LINES;
  return isRequest && note && checkpoint ? { oldSize, proof, note, checkpoint } : undefined;
}

/** `POST /add-checkpoint`, and `GET /` for whoever wants to know its key. */
export function witnessServer(witness: Witness, { text }: VerifierKey): Server {
  return createServer((req, res) => {
    const answer = async (): Promise<Answer> => {
      if (req.method === "GET" && req.url === "/") return { status: 200, body: `${text}\n` };
      if (req.url !== "/add-checkpoint") return { status: 404, body: "POST /add-checkpoint\n" };
      if (req.method !== "POST") return { status: 405, body: "POST /add-checkpoint\n" };
      const body = await bodyOf(req);
      return body === undefined ? { status: 413, body: "too large\n" } : await witness.addCheckpoint(body);
    };
    answer().then(
      ({ status, body, type = "text/plain; charset=utf-8" }) =>
        res.writeHead(status, { "Content-Type": type }).end(body),
      // Its disk, or a connection that ended.
      () => res.writeHead(500).end("the witness cannot record it\n"),
    );
  });
}

async function bodyOf(req: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}
