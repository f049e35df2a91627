// Reads the header of an encoded entry, field by field.
// Tests: test/unit/entry.test.ts

/** In order; anything past the end is a RangeError. */
export class HeaderReader {
  readonly #value: Buffer;
  readonly #end: number;
  offset: number;

  constructor(value: Buffer, offset: number, end: number) {
    this.#value = value;
    this.offset = offset;
    this.#end = end;
  }

  double(): number {
    return this.#value.readDoubleBE(this.#take(8));
  }

  uint16(): number {
    return this.#value.readUInt16BE(this.#take(2));
  }

  uint32(): number {
    return this.#value.readUInt32BE(this.#take(4));
  }

  text(encoding: "utf8" | "latin1"): string {
    const bytes = this.uint32();
    const start = this.#take(bytes);
    return this.#value.toString(encoding, start, start + bytes);
  }

  skipText(): void {
    this.#take(this.uint32());
  }

  latin1Since(start: number): string {
    return this.#value.toString("latin1", start, this.offset);
  }

  #take(bytes: number): number {
    const start = this.offset;
    if (start + bytes > this.#end) throw new RangeError("the header ends early");
    this.offset = start + bytes;
    return start;
  }
}
