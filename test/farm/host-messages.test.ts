/** What is said of hosts: on which object, and what to do. */
import { expect, test } from "vitest";
import type { HostReference } from "../../src/farm/desired-farm.ts";
import { hostAmbiguous, hostNotFound, hostNotTrusted, movedNote, primaryNote, quarantineNotFound } from "../../src/farm/host-messages.ts";
import { BASE, computer, directoryObject } from "./simulation.ts";

const WEB01 = computer("WEB01");
const DN = `CN=WEB01,CN=Computers,${BASE}`;
const REFERENCE: HostReference = { text: "WEB01", by: "sAMAccountName", value: "WEB01$" };

test("a host that is not found, of which the farm waits for it", () => {
  expect(hostNotFound(REFERENCE)).toEqual({
    reason: "HostNotFound",
    part: "Hosts",
    computer: "WEB01",
    message:
      "no computer has the sAMAccountName WEB01$: join it to the domain, or correct hosts.computers. The operator grants it the right once it exists.",
  });
});

test("a quarantined one that is not found, which keeps nobody out", () => {
  expect(quarantineNotFound(REFERENCE)).toEqual({
    reason: "QuarantineNotFound",
    part: "Hosts",
    message:
      "hosts.quarantined: no computer has the sAMAccountName WEB01$, so WEB01 keeps nobody out: correct it, or remove it if the computer is gone.",
  });
});

test("several that bear one name, each by its distinguished name", () => {
  expect(hostAmbiguous(REFERENCE, [WEB01, computer("WEB02")])).toEqual({
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: "WEB01",
    message: `2 computers have the sAMAccountName WEB01$ (${DN}; CN=WEB02,CN=Computers,${BASE}), so none is granted or removed: name the right one in hosts.computers by its distinguished name.`,
  });
});

test("one that is not trusted, and why", () => {
  const said = (fields: object) => hostNotTrusted(REFERENCE, { ...WEB01, ...fields });
  expect(said({ creatorSID: "S-1-5-21-1-2-3-1500" })).toEqual({
    reason: "HostNotTrusted",
    part: "Hosts",
    computer: "WEB01",
    message: `${DN} was created by an ordinary user (S-1-5-21-1-2-3-1500), which every user can do under any free name, so it gets no right: have an administrator delete it and create it again before it joins the domain, or set selfJoinedComputers: Grant on the ActiveDirectoryDomain.`,
  });
  expect(said({ userAccountControl: 0x2000 }).message).toBe(
    `${DN} is a domain controller, which is never a host: remove it from hosts.computers.`,
  );
});

test("one that was moved, and what becomes of it", () => {
  const note = (field: "hosts.computers" | "hosts.quarantined", what: string) => ({
    reason: "HostMoved",
    message: `${field}: WEB01 was moved or renamed and ${what}: it is now ${DN}. Write that in place of WEB01.`,
  });
  expect(movedNote("hosts.computers", REFERENCE, WEB01)).toEqual(note("hosts.computers", "keeps the right"));
  expect(movedNote("hosts.quarantined", REFERENCE, WEB01)).toEqual(note("hosts.quarantined", "stays out"));
});

test.each([
  ["computer", 515],
  ["User", 513],
])("a %s that is a member by its primary group, and which group it can have instead", (objectClass, rid) => {
  const hosts = directoryObject({ distinguishedName: `CN=Hosts,${BASE}`, objectClass: "group" });
  expect(primaryNote({ ...WEB01, objectClass }, hosts)).toEqual({
    reason: "PrimaryGroupMember",
    message: `${DN} is a member of Hosts by its primary group and is kept out by a deny entry: change its primary group (Set-ADObject '${DN}' -Replace @{primaryGroupID=${rid}}).`,
  });
});
