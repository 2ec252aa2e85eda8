/**
 * msDS-GroupMSAMembership: a self-relative security descriptor (MS-DTYP 2.4.6) that says who may retrieve the password of a gMSA.
 * Of a right only READ_PROPERTY decides (MS-ADTS 3.1.1.4.4).
 */
import type { Retrievers } from "../ad/object.ts";
import { decodeSid, encodeSid, sidLength } from "../names/sid.ts";

const HEADER = 20;
const SELF_RELATIVE = 0x8000;
const DACL_PRESENT = 0x0004;
const ALLOW = 0;
const DENY = 1;
const READ_PROPERTY = 0x10;
const INHERIT_ONLY = 0x08;
/** What Set-ADServiceAccount writes for each principal. */
const FULL_CONTROL = 0x000f01ff;
const ADMINISTRATORS = "S-1-5-32-544";

/** One entry for each SID, in order; those that deny first, as the first that matches decides. */
export function encodeRetrievers(sids: readonly string[], denied: readonly string[] = []): Buffer {
  const owner = encodeSid(ADMINISTRATORS);
  const entries = [...denied.map((sid) => encodeEntry(DENY, sid)), ...sids.map((sid) => encodeEntry(ALLOW, sid))];
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(1, 0);
  header.writeUInt16LE(SELF_RELATIVE | DACL_PRESENT, 2);
  header.writeUInt32LE(HEADER, 4);
  header.writeUInt32LE(HEADER + owner.length, 16);
  const list = Buffer.alloc(8);
  list.writeUInt8(4, 0);
  list.writeUInt16LE(8 + entries.reduce((sum, { length }) => sum + length, 0), 2);
  list.writeUInt16LE(entries.length, 4);
  return Buffer.concat([header, owner, list, ...entries]);
}

function encodeEntry(type: number, sid: string): Buffer {
  const bytes = encodeSid(sid);
  const entry = Buffer.alloc(8 + bytes.length);
  entry.writeUInt8(type, 0);
  entry.writeUInt16LE(entry.length, 2);
  entry.writeUInt32LE(FULL_CONTROL, 4);
  bytes.copy(entry, 8);
  return entry;
}

/** By meaning: writers order the parts differently and use other revisions. What cannot be read is foreign content, never an error. */
export function decodeRetrievers(bytes: Buffer): Retrievers {
  try {
    const control = bytes.readUInt16LE(2);
    const offset = bytes.readUInt32LE(16);
    // Without a list everybody would be allowed: nothing that a farm writes.
    if ((control & DACL_PRESENT) === 0 || offset === 0)
      return { principals: [], denied: [], foreign: ["a descriptor without an access list"] };
    return decodeList(bytes, offset);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { principals: [], denied: [], foreign: ["a descriptor that cannot be read"] };
  }
}

function decodeList(bytes: Buffer, offset: number): Retrievers {
  const principals: string[] = [];
  const denied: string[] = [];
  const foreign: string[] = [];
  const count = bytes.readUInt16LE(offset + 4);
  let position = offset + 8;
  for (let index = 0; index < count; index++) {
    const type = bytes.readUInt8(position);
    const flags = bytes.readUInt8(position + 1);
    const length = bytes.readUInt16LE(position + 2);
    if (length < 8 || position + length > bytes.length) throw new RangeError("an entry that ends too early");
    const mask = bytes.readUInt32LE(position + 4);
    if (type !== ALLOW && type !== DENY) foreign.push(`an entry of type ${type}`);
    else {
      sidLength(bytes, position + 8);
      const sid = decodeSid(bytes, position + 8);
      const readable = (mask & READ_PROPERTY) !== 0 && (flags & INHERIT_ONLY) === 0;
      // One after an allow entry may keep nobody out.
      if (type === DENY && readable && principals.length === 0) denied.push(sid);
      else if (type === DENY) foreign.push(`a deny entry for ${sid} that is out of order or denies something else`);
      else if ((mask & READ_PROPERTY) === 0) foreign.push(`an entry for ${sid} without the right to read`);
      else if ((flags & INHERIT_ONLY) !== 0) foreign.push(`an inherit-only entry for ${sid}`);
      else principals.push(sid);
    }
    position += length;
  }
  return { principals, denied, foreign };
}
