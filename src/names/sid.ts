/** Security identifiers: bytes (MS-DTYP 2.4.2.2) ↔ S-1-5-21-… */

export function sidLength(bytes: Buffer, offset = 0): number {
  const subAuthorities = bytes[offset + 1];
  if (bytes[offset] !== 1 || subAuthorities === undefined || subAuthorities > 15) throw new RangeError("not a security identifier");
  const length = 8 + 4 * subAuthorities;
  if (offset + length > bytes.length) throw new RangeError("a security identifier that ends too early");
  return length;
}

/** Throws RangeError where the bytes are no SID. Bytes after it are not looked at. */
export function decodeSid(bytes: Buffer, offset = 0): string {
  const length = sidLength(bytes, offset);
  const authority = bytes.readUIntBE(offset + 2, 6);
  const parts = Array.from({ length: (length - 8) / 4 }, (_, index) => bytes.readUInt32LE(offset + 8 + 4 * index));
  return ["S-1", authority, ...parts].join("-");
}

/** Throws RangeError where the text is no SID. */
export function encodeSid(sid: string): Buffer {
  if (!/^S-1-\d{1,15}(-\d{1,10}){0,15}$/.test(sid)) throw new RangeError(`${sid} is not a security identifier`);
  const [authority = 0, ...parts] = sid.split("-").slice(2).map(Number);
  const bytes = Buffer.alloc(8 + 4 * parts.length);
  bytes.writeUInt8(1, 0);
  bytes.writeUInt8(parts.length, 1);
  bytes.writeUIntBE(authority, 2, 6);
  parts.forEach((part, index) => bytes.writeUInt32LE(part, 8 + 4 * index));
  return bytes;
}

/** The relative identifier: the last number of a SID. Those below 1000 are Windows' own. */
export function relativeId(sid: string): number {
  return Number(sid.slice(sid.lastIndexOf("-") + 1));
}
