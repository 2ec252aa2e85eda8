/** The password of a gMSA: which key it comes from, when it changes, and who is given it (MS-GKDI 2.2.4; MS-ADTS 2.2.19, 3.1.1.4.5.39). */
import { createHash } from "node:crypto";
import { decodeGuid, encodeGuid } from "../../../src/names/identifier.ts";
import { mayRetrieve, type Token } from "./access.ts";
import { type Entry, filetime } from "./database.ts";
import type { Directory } from "./directory.ts";
import type { Value } from "./schema.ts";

export const GMSA = "msDS-GroupManagedServiceAccount";

/** Keys change in steps of ten hours since 1601: 32 steps (L2) make one of L1, 32 of those one of L0. */
const STEP = 360_000_000_000n;
/** For how long before the change a host must not count on the password any more. */
const CLOCK_SKEW = 3_000_000_000n;
const PASSWORD = 256;

function stepAt(time: bigint): bigint {
  return time / STEP;
}

/** MSDS-MANAGEDPASSWORD_ID: which root key, and which step of it. */
export function passwordId(directory: Directory, rootKey: string, step = stepAt(BigInt(filetime()))): Buffer {
  const name = Buffer.from(`${directory.settings.dnsName}\0`, "utf16le");
  const numbers = (...values: readonly (number | bigint)[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => bytes.writeUInt32LE(Number(value), 4 * index));
    return bytes;
  };
  return Buffer.concat([
    numbers(1),
    Buffer.from("KDSK"),
    numbers(2, step / 1024n, (step / 32n) % 32n, step % 32n),
    encodeGuid(rootKey),
    numbers(0, name.length, name.length),
    name,
    name,
  ]);
}

function stepOf(id: Buffer): bigint {
  const [l0, l1, l2] = [12, 16, 20].map((offset) => BigInt(id.readUInt32LE(offset)));
  return (l0 ?? 0n) * 1024n + (l1 ?? 0n) * 32n + (l2 ?? 0n);
}

/** Whole steps in the interval: what is over does not count. */
function intervalOf(entry: Entry): bigint {
  return (BigInt(String(entry.first("msDS-ManagedPasswordInterval") ?? "30")) * 24n) / 10n;
}

/**
 * MSDS-MANAGEDPASSWORD_BLOB for those whom the account names; nothing for everybody else. The first of them to ask after the
 * interval is over changes the password by asking.
 */
export function managedPassword(directory: Directory, entry: Entry, { sids }: Token, now = BigInt(filetime())): readonly Value[] {
  const descriptor = entry.first("msDS-GroupMSAMembership");
  const id = entry.first("msDS-ManagedPasswordId");
  if (!entry.is(GMSA) || !Buffer.isBuffer(id) || !Buffer.isBuffer(descriptor) || !mayRetrieve(descriptor, sids)) return [];
  const [first, interval] = [stepOf(id), intervalOf(entry)];
  const step = first + ((stepAt(now) - first) / interval) * interval;
  const change = (step + interval) * STEP;
  if (step !== first) {
    directory.database.set(entry, {
      "msDS-ManagedPasswordId": [passwordId(directory, decodeGuid(id.subarray(24, 40)), step)],
      "msDS-ManagedPasswordPreviousId": [id],
      pwdLastSet: [String(now)],
    });
  }
  const header = Buffer.alloc(16);
  const intervals = Buffer.alloc(16);
  const password = Buffer.concat([passwordAt(entry, step), Buffer.alloc(2)]);
  const end = header.length + password.length;
  header.writeUInt16LE(1, 0);
  header.writeUInt32LE(end + intervals.length, 4);
  header.writeUInt16LE(header.length, 8);
  header.writeUInt16LE(end, 12);
  header.writeUInt16LE(end + 8, 14);
  intervals.writeBigUInt64LE(change - now, 0);
  intervals.writeBigInt64LE(change - now - CLOCK_SKEW, 8);
  return [Buffer.concat([header, password, intervals])];
}

/** The same for every host that asks within the interval. */
function passwordAt(entry: Entry, step: bigint): Buffer {
  return createHash("shake256", { outputLength: PASSWORD }).update(`${entry.guid} ${step}`).digest();
}
