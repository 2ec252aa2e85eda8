/** What no test can wait for: a password's interval that ends. Samba does the same, with its key's identifier set back by hand. */
import { expect, test } from "vitest";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { ADMINISTRATOR, BASE } from "../harness/directory.ts";
import { Directory } from "./directory/directory.ts";
import { managedPassword } from "./directory/managed-password.ts";
import { provision } from "./directory/provision.ts";

const STEP = 360_000_000_000n;

test("the first host that asks after the interval gets another password, and the account's identifiers say so", () => {
  const directory = new Directory({ dnsName: "contoso.com", netbiosName: "CONTOSO", dialect: "Samba" });
  provision(directory, { hostName: "dc1.contoso.com", administratorPassword: ADMINISTRATOR.password });
  const token = directory.bind(ADMINISTRATOR.username, Buffer.from(ADMINISTRATOR.password));
  const entry = directory.add(
    token,
    `CN=rolls,${BASE}`,
    Object.entries({
      objectClass: "msDS-GroupManagedServiceAccount",
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": "7",
      "msDS-GroupMSAMembership": encodeRetrievers(["S-1-1-0"]),
    }).map(([type, value]) => ({ type, values: [Buffer.from(value)] })),
  );
  const made = BigInt(String(entry.first("pwdLastSet"))) / STEP;
  const blobAt = (time: bigint): Buffer => {
    const [blob] = managedPassword(directory, entry, token, time);
    if (!Buffer.isBuffer(blob)) throw new Error("no password");
    return blob;
  };
  const [id, usn] = [entry.first("msDS-ManagedPasswordId"), entry.usnChanged];
  const last = blobAt((made + 16n) * STEP - 1n);
  expect([last.readBigUInt64LE(274), entry.first("msDS-ManagedPasswordId"), entry.usnChanged]).toEqual([1n, id, usn]);
  const next = blobAt((made + 16n) * STEP);
  expect(next.readBigUInt64LE(274)).toBe(16n * STEP);
  expect(next.subarray(16, 274)).not.toEqual(last.subarray(16, 274));
  expect([entry.first("msDS-ManagedPasswordPreviousId"), entry.first("pwdLastSet")]).toEqual([id, String((made + 16n) * STEP)]);
  expect(entry.usnChanged).toBeGreaterThan(usn);
  expect(blobAt((made + 17n) * STEP).subarray(16, 274)).toEqual(next.subarray(16, 274));
});
