import { Attribute, BerReader, BerWriter } from "ldapts";
import { expect, test } from "vitest";
import { readAsBytes } from "../../src/directory/byte-values.ts";
import { BINARY_ATTRIBUTES } from "../../src/directory/entries.ts";

test("the LDAP library takes the bytes of attributes that are bytes without decoding them, and everything else as before", () => {
  readAsBytes(BINARY_ATTRIBUTES);
  const [text, bytes] = ["sixteen letters!", Buffer.from([0xff, 0xfe])];
  // By chance they are text: only an attribute that is not decoded stays bytes.
  expect(parsed("objectGUID", text)).toEqual(Buffer.from(text));
  expect(parsed("objectSid", bytes)).toEqual(bytes);
  expect(parsed("description", text)).toBe(text);
  expect(parsed("description", bytes)).toEqual(bytes);
  expect(parsed("userCertificate;binary", text)).toEqual(Buffer.from(text));
});

/** As it comes from a server. */
function parsed(type: string, value: string | Buffer): unknown {
  const writer = new BerWriter();
  new Attribute({ type, values: typeof value === "string" ? [value] : [value] }).write(writer);
  const attribute = new Attribute();
  attribute.parse(new BerReader(writer.buffer));
  return attribute.values[0];
}
