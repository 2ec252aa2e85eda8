/** GUIDs: bytes as Active Directory keeps them (the first three fields little-endian) ↔ xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx. */

/** Throws RangeError unless there are 16 bytes. */
export function decodeGuid(bytes: Buffer): string {
  if (bytes.length !== 16) throw new RangeError(`a GUID has 16 bytes, not ${bytes.length}`);
  const hex = swap(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Throws RangeError where the text is no GUID. */
export function encodeGuid(guid: string): Buffer {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(guid)) throw new RangeError(`${guid} is not a GUID`);
  return swap(Buffer.from(guid.replaceAll("-", ""), "hex"));
}

function swap(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.subarray(0, 4).reverse();
  copy.subarray(4, 6).reverse();
  copy.subarray(6, 8).reverse();
  return copy;
}
