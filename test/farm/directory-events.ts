/** What people do to a directory while a farm lives in it: as data, so that a test can draw them at random and tell them in words. */
import fc from "fast-check";
import { ACCOUNT_CLASS, isAccount, type DirectoryObject, GROUP_CLASS } from "../../src/ad/object.ts";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { type AskedDirectory, DOMAIN_COMPUTERS, isPrimary, ridOf } from "./asked-directory.ts";
import { BASE, CONSENT, directoryObject } from "./simulation.ts";

export const NAMES = ["WEB01", "WEB02", "WEB03", "WEB04"];
export const CONTAINERS = ["CN=Computers", "OU=A"];
/** The farm's own host group, two that it may be told to use, and one that is nested in others. */
export const GROUPS = ["itfarm1Hosts", "Shared", "Other", "Nested"];
/** Somebody who is no computer. */
export const PERSON = "Person";
/** What an administrator may have written into the adminDescription of what is no farm's: consent to be taken over, for the farm or for another, or a note. */
const NOTES: Readonly<Record<string, string | undefined>> = {
  consent: CONSENT,
  "consent for another": "serverfarm.dev adopt=web/itfarm9",
  "a note": "ask Anna",
  nothing: undefined,
};

const name = fc.constantFrom(...NAMES);
const group = fc.constantFrom(...GROUPS);
const container = fc.constantFrom(...CONTAINERS);
const origin = fc.constantFrom("administrator", "administrator", "administrator", "anybody", "controller");
const note = fc.constantFrom("consent", "consent", ...Object.keys(NOTES));
const kind = <Kind extends string>(value: Kind) => fc.constant(value);

/** One thing that happens. Where it cannot, since the computer is not there or the name is taken, nothing does. */
export const directoryEvent = fc.oneof(
  fc.record({ kind: kind("make"), name, container, origin }),
  fc.record({ kind: kind("move"), name, container }),
  fc.record({ kind: kind("rename"), name, to: name }),
  fc.record({ kind: kind("claim the DNS name of another"), name, to: name }),
  fc.record({ kind: kind("delete"), name }),
  fc.record({ kind: kind("promote to a domain controller"), name }),
  fc.record({ kind: kind("set the primary group"), name, group: fc.constantFrom(...GROUPS, "Domain Computers") }),
  fc.record({ kind: kind("put in"), name: fc.constantFrom(...NAMES, ...GROUPS, PERSON), group }),
  fc.record({ kind: kind("take out"), name: fc.constantFrom(...NAMES, ...GROUPS, PERSON), group }),
  fc.record({ kind: kind("move the group"), group }),
  fc.record({ kind: kind("delete the group"), group }),
  fc.record({ kind: kind("make the group anew"), group: fc.constantFrom("Shared", "Other") }),
  fc.record({ kind: kind("delete the account") }),
  fc.record({ kind: kind("add to the account's list"), name: fc.constantFrom(...NAMES, ...GROUPS, "Everyone", "nobody") }),
  fc.record({ kind: kind("put denials last in the account's list") }),
  fc.record({ kind: kind("make an account of its name"), name, days: fc.constantFrom(30, 30, 30, 60), note }),
  fc.record({ kind: kind("make a group of its name"), name: fc.constantFrom(...NAMES, ...NAMES, PERSON), note }),
  fc.record({ kind: kind("write the adminDescription"), of: fc.constantFrom("itfarm1", "itfarm1Hosts"), note }),
);

type Draw<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;
export type DirectoryEvent = Draw<typeof directoryEvent>;

export function groupOf(samAccountName: string, members: readonly string[] = []): DirectoryObject {
  return directoryObject({ distinguishedName: `CN=${samAccountName},OU=G,${BASE}`, samAccountName, objectClass: GROUP_CLASS, members });
}

export function hostOf(called: string, container: string, origin: string): DirectoryObject {
  return directoryObject({
    distinguishedName: `CN=${called},${container},${BASE}`,
    samAccountName: `${called}$`,
    dnsHostName: `${called.toLowerCase()}.contoso.com`,
    primaryGroupID: origin === "controller" ? 516 : DOMAIN_COMPUTERS,
    userAccountControl: origin === "controller" ? 0x82000 : 0x1000,
    creatorSID: origin === "anybody" ? "S-1-5-21-1-2-3-1050" : undefined,
  });
}

/** By its name, as people call it. */
export function named({ everything }: AskedDirectory, called: string): DirectoryObject | undefined {
  return everything.find(({ samAccountName }) => samAccountName === called || samAccountName === `${called}$`);
}

export function happen(directory: AskedDirectory, event: DirectoryEvent): void {
  const subject = "name" in event ? named(directory, event.name) : undefined;
  const group = "group" in event ? named(directory, event.group) : undefined;
  switch (event.kind) {
    case "make":
      if (!subject) directory.simulated.computers = [...directory.simulated.computers, hostOf(event.name, event.container, event.origin)];
      return;
    case "make the group anew":
      if (!group) directory.simulated.objects = [...directory.simulated.objects, groupOf(event.group)];
      return;
    case "delete":
    case "delete the group":
    case "delete the account": {
      const gone = event.kind === "delete the account" ? directory.simulated.objects.find(isAccount) : (subject ?? group);
      // Active Directory deletes no group that is somebody's primary group.
      if (gone && !directory.everything.some((one) => isPrimary(gone, one))) remove(directory, gone);
      return;
    }
    case "put in":
      if (subject && group && subject !== group && !isPrimary(group, subject))
        setMembers(directory, group, (list) => [...list.filter((dn) => dn !== subject.distinguishedName), subject.distinguishedName]);
      return;
    case "take out":
      if (subject && group) setMembers(directory, group, (list) => list.filter((dn) => dn !== subject.distinguishedName));
      return;
    case "move the group":
      if (group) replace(directory, group, { distinguishedName: `CN=${event.group},OU=Moved,${BASE}` });
      return;
    case "make an account of its name":
      return makeAccount(directory, event.days, NOTES[event.note], subject);
    case "make a group of its name":
      if (named(directory, "itfarm1Hosts")) return;
      directory.simulated.objects = [
        ...directory.simulated.objects,
        { ...groupOf("itfarm1Hosts", subject ? [subject.distinguishedName] : []), owner: NOTES[event.note] },
      ];
      return;
    case "write the adminDescription": {
      const object = named(directory, event.of);
      if (object) replace(directory, object, { owner: NOTES[event.note] });
      return;
    }
    case "add to the account's list":
    case "put denials last in the account's list":
      changeList(directory, "name" in event ? sidOf(event.name, subject) : undefined);
      return;
    default:
      if (subject) changeComputer(directory, subject, event);
  }
}

/** One that somebody made before the farm, as an administrator would: with a host that may retrieve its password. */
function makeAccount(directory: AskedDirectory, days: number, owner: string | undefined, host: DirectoryObject | undefined): void {
  if (named(directory, "itfarm1")) return;
  const account = directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    samAccountName: "itfarm1$",
    objectClass: ACCOUNT_CLASS,
    dnsHostName: "itfarm1.contoso.com",
    userAccountControl: 0x1000,
    passwordIntervalDays: days,
    owner,
  });
  directory.simulated.objects = [...directory.simulated.objects, account];
  directory.setList(account, encodeRetrievers(host?.objectSID === undefined ? [] : [host.objectSID]));
}

function changeComputer(directory: AskedDirectory, computer: DirectoryObject, event: DirectoryEvent): void {
  const parent = computer.distinguishedName.slice(computer.distinguishedName.indexOf(",") + 1);
  switch (event.kind) {
    case "move":
      return replace(directory, computer, { distinguishedName: `CN=${event.name},${event.container},${BASE}` });
    case "rename":
      if (named(directory, event.to)) return;
      return replace(directory, computer, {
        distinguishedName: `CN=${event.to},${parent}`,
        samAccountName: `${event.to}$`,
        dnsHostName: `${event.to.toLowerCase()}.contoso.com`,
      });
    case "claim the DNS name of another":
      return replace(directory, computer, { dnsHostName: `${event.to.toLowerCase()}.contoso.com` });
    case "promote to a domain controller":
      return replace(directory, computer, { primaryGroupID: 516, userAccountControl: 0x82000 });
    case "set the primary group":
      return setPrimaryGroup(directory, computer, named(directory, event.group));
    default:
  }
}

/** Active Directory keeps a member value for the primary group that was, and none for the one that is. */
function setPrimaryGroup(directory: AskedDirectory, computer: DirectoryObject, group: DirectoryObject | undefined): void {
  const { distinguishedName } = computer;
  const before = directory.simulated.objects.find((one) => isPrimary(one, computer));
  if (before === group && group) return;
  replace(directory, computer, { primaryGroupID: group ? ridOf(group) : DOMAIN_COMPUTERS });
  if (group) setMembers(directory, group, (list) => list.filter((dn) => dn !== distinguishedName));
  if (before) setMembers(directory, before, (list) => [...list, distinguishedName]);
}

function setMembers({ simulated }: AskedDirectory, group: DirectoryObject, change: (list: readonly string[]) => readonly string[]): void {
  simulated.objects = simulated.objects.map((one) =>
    one.objectGUID === group.objectGUID ? { ...one, members: change(one.members) } : one,
  );
}

/** Whoever is renamed or moved stays a member, by the new name. */
function replace({ simulated }: AskedDirectory, object: DirectoryObject, fields: Partial<DirectoryObject>): void {
  const renamed = fields.distinguishedName;
  const changed = (one: DirectoryObject): DirectoryObject => (one.objectGUID === object.objectGUID ? { ...one, ...fields } : one);
  simulated.computers = simulated.computers.map(changed);
  simulated.objects = simulated.objects.map((one) => {
    const members = renamed === undefined ? one.members : one.members.map((dn) => (dn === object.distinguishedName ? renamed : dn));
    return changed({ ...one, members });
  });
}

function remove(directory: AskedDirectory, object: DirectoryObject): void {
  const { simulated } = directory;
  const isOther = ({ objectGUID }: DirectoryObject): boolean => objectGUID !== object.objectGUID;
  simulated.computers = simulated.computers.filter(isOther);
  simulated.objects = simulated.objects
    .filter(isOther)
    .map((one) => ({ ...one, members: one.members.filter((dn) => dn !== object.distinguishedName) }));
  directory.tombstones = [...directory.tombstones, object];
}

function sidOf(called: string, object: DirectoryObject | undefined): string | undefined {
  return called === "Everyone" ? "S-1-1-0" : called === "nobody" ? "S-1-5-21-1-2-3-99999" : object?.objectSID;
}

/** Somebody writes the list anew, with one more and with the entries that deny at its end, where they keep nobody out. */
function changeList(directory: AskedDirectory, sid: string | undefined): void {
  const account = directory.simulated.objects.find(isAccount);
  if (!account?.retrievers) return;
  const allowed = [...(sid === undefined ? [] : [sid]), ...account.retrievers.principals];
  const bytes = encodeRetrievers([...allowed, ...account.retrievers.denied]);
  let position = bytes.readUInt32LE(16) + 8;
  for (const _ of allowed) position += bytes.readUInt16LE(position + 2);
  for (; position < bytes.length; position += bytes.readUInt16LE(position + 2)) bytes.writeUInt8(1, position);
  directory.setList(account, bytes);
}
