// Asks a witness for its cosignature (C2SP tlog-witness).
// Tests: test/integration/audit-witness.test.ts
import { CheckpointFork } from "./checkpoint-place.js";
import { isSignedBy, parseNote, type VerifierKey } from "./signed-note.js";

export interface WitnessOptions {
  /** The submission prefix: `/add-checkpoint` is added. */
  readonly url: string;
  readonly key: VerifierKey;
  /** The longest that a checkpoint waits for it. Default 2000 ms. */
  readonly timeoutMs?: number;
}

/** The witness has cosigned a larger tree: another process was faster, or this one's tree has lost records. */
export class WitnessAhead extends Error {
  override readonly name = "WitnessAhead";
  readonly size: number;

  constructor(witness: string, size: number) {
    super(`witness ${witness} has cosigned a tree of ${size} records`);
    this.size = size;
  }
}

const DEFAULT_TIMEOUT_MS = 2000;

export class WitnessClient {
  readonly name: string;
  readonly #options: WitnessOptions;
  /** Of each log: the size that the witness has cosigned last. */
  readonly #sizes = new Map<string, number>();

  constructor(options: WitnessOptions) {
    this.name = options.key.name;
    this.#options = options;
  }

  get key(): VerifierKey {
    return this.#options.key;
  }

  /**
   * The lines of the witness for a note.
   *
   * @param proofFrom the consistency proof from an older size to the checkpoint's
   * @throws CheckpointFork where the witness has seen another tree; WitnessAhead where it has seen a larger one; Error where it does not answer
   */
  async cosign(
    origin: string,
    size: number,
    note: string,
    proofFrom: (oldSize: number) => Promise<readonly Buffer[]>,
  ): Promise<string> {
    let oldSize = this.#sizes.get(origin) ?? 0;
    // A second time with the size that it tells: after a start, or where another process has asked meanwhile.
    for (let attempt = 0; attempt < 2; attempt++) {
      const proof = oldSize === 0 || oldSize === size ? [] : await proofFrom(oldSize);
      const lines = proof.map((hash) => `${hash.toString("base64")}\n`).join("");
      const answer = await this.#post(`old ${oldSize}\n${lines}\n${note}`);
      const body = await answer.text();
      if (answer.status === 200) {
        this.#sizes.set(origin, size);
        return this.#ownLines(note, body);
      }
      const told = /^(\d+)\n$/.exec(body)?.[1];
      if (answer.status === 409 && told !== undefined && Number(told) !== oldSize) {
        if (Number(told) > size) throw new WitnessAhead(this.name, Number(told));
        oldSize = Number(told);
        continue;
      }
      if (answer.status === 409 || answer.status === 422)
        throw new CheckpointFork(`witness ${this.name} has cosigned a tree that this one does not continue`);
      throw new Error(`witness ${this.name} answers ${answer.status}`);
    }
    throw new Error(`witness ${this.name} is asked by others at the same time`);
  }

  #post(body: string): Promise<Response> {
    const { url, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    return fetch(`${url.replace(/\/$/, "")}/add-checkpoint`, {
      method: "POST",
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
  }

  /** Those of its key, once they verify. */
  #ownLines(note: string, body: string): string {
    const { key } = this.#options;
    const parsed = parseNote(note + body);
    if (parsed === undefined || !isSignedBy(parsed, key))
      throw new Error(`witness ${this.name} answers without a signature of its key`);
    return body
      .split("\n")
      .filter((line) => line.startsWith(`\u2014 ${key.name} `))
      .map((line) => `${line}\n`)
      .join("");
  }
}
