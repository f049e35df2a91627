// Inflates what was stored compressed: only to the size that was written beside it, and a few at a time.
// Tests: test/integration/forged-values.test.ts
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";

const unbrotli = promisify(brotliDecompress);

/** As many as Node's thread pool has threads: more would only hold memory. */
const MAX_AT_ONCE = 4;
/** Room that is left when all is there, so that one piece of memory is enough. */
const SPARE_BYTES = 64;

let underWay = 0;
const waiting: (() => void)[] = [];

/**
 * Inflates brotli. Rejects what is not exactly so long inflated, and stops at that length: a forged value
 * would grow a thousand times.
 *
 * @param plainBytes has been compared with the limit for values of this kind: so much memory is taken at once
 */
export async function inflate(compressed: Buffer, plainBytes: number): Promise<Buffer> {
  if (underWay < MAX_AT_ONCE) underWay++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    const plain = await unbrotli(compressed, {
      maxOutputLength: plainBytes,
      chunkSize: plainBytes + SPARE_BYTES,
    });
    if (plain.length !== plainBytes) throw new RangeError("inflated to another length than was written");
    return plain;
  } finally {
    const next = waiting.shift();
    if (next) next();
    else underWay--;
  }
}
