/** BER as LDAP uses it (RFC 4511 §5.1): definite lengths, tags of one byte. */

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** A message that is no BER, or larger than any request may be. */
export class BerError extends Error {
  override readonly name = "BerError";
}

/** No request of a sane client is longer. */
const LONGEST = 64 << 20;

interface Header {
  /** Bytes of tag and length. */
  readonly size: number;
  readonly length: number;
}

/** Undefined while the bytes end before the length does. */
function headerAt(bytes: Buffer, offset: number): Header | undefined {
  const first = bytes[offset + 1];
  if (first === undefined) return undefined;
  if (first < 0x80) return { size: 2, length: first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw new BerError("a length that LDAP does not use");
  if (offset + 2 + count > bytes.length) return undefined;
  const length = bytes.readUIntBE(offset + 2, count);
  if (length > LONGEST) throw new BerError(`a message of ${length} bytes`);
  return { size: 2 + count, length };
}

/** The bytes of the first whole message, undefined while there is none. Throws BerError for what can never become one. */
export function firstMessage(bytes: Buffer): Buffer | undefined {
  if (bytes.length === 0) return undefined;
  if (bytes[0] !== 0x30) throw new BerError(`a message that begins with ${bytes[0]}`);
  const header = headerAt(bytes, 0);
  if (!header || bytes.length < header.size + header.length) return undefined;
  return bytes.subarray(0, header.size + header.length);
}

export class BerReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** The tag of the next element; undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#position];
  }

  next(expected?: number): Element {
    const { tag } = this;
    const header = headerAt(this.#bytes, this.#position);
    if (tag === undefined || !header) throw new BerError("an element that ends too early");
    if (expected !== undefined && tag !== expected) throw new BerError(`tag ${tag} where ${expected} belongs`);
    const start = this.#position + header.size;
    if (start + header.length > this.#bytes.length) throw new BerError("an element that is longer than what holds it");
    this.#position = start + header.length;
    return { tag, content: this.#bytes.subarray(start, this.#position) };
  }

  bytes(expected = 0x04): Buffer {
    return this.next(expected).content;
  }

  text(expected = 0x04): string {
    return this.bytes(expected).toString("utf8");
  }

  integer(expected = 0x02): number {
    return toInteger(this.next(expected).content);
  }

  boolean(): boolean {
    return this.next(0x01).content[0] !== 0;
  }

  /** The elements inside the next one. */
  inside(expected: number): BerReader {
    return new BerReader(this.next(expected).content);
  }
}

export function toInteger(content: Buffer): number {
  if (content.length === 0 || content.length > 6) throw new BerError("an integer of no use here");
  return content.readIntBE(0, content.length);
}

export function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header =
    length < 0x80
      ? Buffer.from([tag, length])
      : length < 0x100
        ? Buffer.from([tag, 0x81, length])
        : length < 0x10000
          ? Buffer.from([tag, 0x82, length >> 8, length & 0xff])
          : Buffer.from([tag, 0x84, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff]);
  return Buffer.concat([header, ...parts]);
}

export function octets(value: string | Buffer, tag = 0x04): Buffer {
  return element(tag, typeof value === "string" ? Buffer.from(value) : value);
}

export function integer(value: number, tag = 0x02): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeIntBE(value, 0, 6);
  let start = 0;
  // The shortest form: no byte that only repeats the sign.
  while (
    start < 5 &&
    ((bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) || (bytes[start] === 0xff && (bytes[start + 1] ?? 0) >= 0x80))
  )
    start++;
  return element(tag, bytes.subarray(start));
}
