// Memory for entries that are read to be sent at once: lent, given back, and lent again, so that a hit leaves nothing to collect.

const MIN_BITS = 12;
const MAX_BITS = 20;
/** What waits to be lent again; more is the collector's. */
const MAX_IDLE_BYTES = 8 * 1024 * 1024;

/** A piece of memory of its own, whoever has it. */
interface Room {
  readonly memory: Buffer;
  readonly sizeClass: number;
  /** The very buffer that its borrower has: no other can give it back, nor that one twice. */
  lent: Buffer | undefined;
}

/**
 * What is never given back is collected as any other buffer is: to keep it is safe, to give it back too early
 * is not.
 */
export class LentMemory {
  /** By size, the one that was given back last on top: its memory is still in the CPU's caches. */
  readonly #idle: Room[][] = Array.from({ length: MAX_BITS - MIN_BITS + 1 }, () => []);
  /** Weak: of what is lent only the borrower decides how long it lives. */
  readonly #rooms = new WeakMap<ArrayBufferLike, Room>();
  #idleBytes = 0;

  lend(bytes: number): Buffer {
    const sizeClass = sizeClassOf(bytes);
    const idle = this.#idle[sizeClass];
    // Not from Node's pool: a small entry would keep what others have read.
    if (!idle) return Buffer.allocUnsafeSlow(bytes);
    const room = idle.pop();
    if (room) this.#idleBytes -= room.memory.length;
    return lendOf(room ?? this.#newRoom(sizeClass), bytes);
  }

  giveBack(value: Buffer): void {
    const room = this.#rooms.get(value.buffer);
    if (room?.lent !== value) return;
    room.lent = undefined;
    const bytes = room.memory.length;
    if (this.#idleBytes + bytes > MAX_IDLE_BYTES) return;
    this.#idleBytes += bytes;
    this.#idle[room.sizeClass]?.push(room);
  }

  #newRoom(sizeClass: number): Room {
    const memory = Buffer.allocUnsafeSlow(2 ** (MIN_BITS + sizeClass));
    const room: Room = { memory, sizeClass, lent: undefined };
    this.#rooms.set(memory.buffer, room);
    return room;
  }
}

function lendOf(room: Room, bytes: number): Buffer {
  room.lent = room.memory.subarray(0, bytes);
  return room.lent;
}

/** The power of two that has room for so many bytes. */
function sizeClassOf(bytes: number): number {
  return Math.max(0, 32 - Math.clz32(Math.max(bytes, 1) - 1) - MIN_BITS);
}
