/** Every kind of change to the directory, one line each: what is known of it is in its entry. Here are those that make an object, whole, in one write. */
import type { EventDraft } from "../../api/event.ts";
import type { Blocker, Part } from "../../api/reasons.ts";
import type { Cause } from "../../ad/port.ts";
import type { MemberGroup, Write } from "../../ad/write.ts";
import { dnKey, commonName } from "../../names/distinguished-name.ts";
import type { Journal } from "../journal.ts";
import type { ChangeEntry, PlannedChange } from "./entry.ts";
import { changeHosts, joinAccessGroup, leaveAccessGroup } from "./members.ts";
import { adopt, deleteAccessGroup, deleteAccount, deleteHostGroup, release } from "./ownership.ts";
import { changeServicePrincipalNames, renameHostGroup, setRetrievers, updateAccount } from "./update.ts";
import { type AccountProperties, ACCOUNT_CLASS, type DirectoryObject, GROUP_CLASS } from "../../ad/object.ts";

/** As in `1 host` and `2 hosts`. */
export function countOf(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

interface NewObject {
  readonly distinguishedName: string;
  readonly samAccountName: string;
  readonly owner: string;
}

interface NewGroup extends NewObject {
  readonly members: readonly string[];
}

interface NewAccount extends NewObject {
  readonly passwordIntervalDays: number;
  readonly properties: AccountProperties;
  readonly servicePrincipalNames: readonly string[];
  /** SIDs: who may retrieve the password, and who is kept out by name. */
  readonly retrievers: readonly string[];
  readonly denied: readonly string[];
}

/** groupType of a global security group (MS-ADTS 2.2.12): 0x80000002 as a signed number. */
const GLOBAL_SECURITY_GROUP = "-2147483646";

function addGroup({ distinguishedName, samAccountName, owner, members }: NewGroup): Write {
  return {
    kind: "Add",
    distinguishedName,
    objectClass: GROUP_CLASS,
    owner,
    attributes: {
      sAMAccountName: [samAccountName],
      groupType: [GLOBAL_SECURITY_GROUP],
      adminDescription: [owner],
      ...(members.length > 0 ? { member: members } : {}),
    },
  };
}

function describeGroup({ kind, distinguishedName, members }: NewGroup & { readonly kind: string }): readonly PlannedChange[] {
  return [{ change: kind, object: distinguishedName, value: members.map(commonName).join(", ") }];
}

const createHostGroup: ChangeEntry<NewGroup> = {
  part: () => "Hosts",
  creates: "HostGroup",
  describe: describeGroup,
  events: ({ distinguishedName, members }, context) => {
    const again = context.drifted ? "; it is a new group with a new SID: restart its hosts, or run klist -li 0x3e7 purge on them" : "";
    return [context.say("HostGroupCreated", `created ${distinguishedName} with ${countOf(members.length, "host")}${again}`)];
  },
  write: addGroup,
};

const createAccessGroup: ChangeEntry<NewGroup> = {
  part: () => "AccessGroups",
  creates: "AccessGroup",
  describe: describeGroup,
  events: ({ distinguishedName }, context) => [
    context.say("AccessGroupCreated", `created ${distinguishedName} with ${context.account} as its member`),
  ],
  write: addGroup,
};

const createAccount: ChangeEntry<NewAccount> = {
  part: () => "Account",
  creates: "Account",
  describe: ({ kind, distinguishedName }) => [{ change: kind, object: distinguishedName }],
  events: ({ distinguishedName, servicePrincipalNames }, context) => {
    const again = context.drifted ? "; it is a new account with a new SID: grant it the rights that were granted to the old one" : "";
    const message = `created ${distinguishedName} with ${countOf(servicePrincipalNames.length, "SPN")}; on each host run Install-ADServiceAccount ${context.account}${again}`;
    return [context.say("AccountCreated", message)];
  },
  write: ({ distinguishedName, samAccountName, owner, passwordIntervalDays, properties, servicePrincipalNames, retrievers, denied }) => ({
    kind: "Add",
    distinguishedName,
    objectClass: ACCOUNT_CLASS,
    owner,
    attributes: {
      sAMAccountName: [samAccountName],
      adminDescription: [owner],
      "msDS-ManagedPasswordInterval": [String(passwordIntervalDays)],
      "msDS-GroupMSAMembership": [{ principals: retrievers, denied }],
      ...Object.fromEntries(Object.entries(properties).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value]]]))),
      ...(servicePrincipalNames.length > 0 ? { servicePrincipalName: servicePrincipalNames } : {}),
    },
    optional: "servicePrincipalName",
  }),
};

const ENTRIES = {
  CreateHostGroup: createHostGroup,
  CreateAccount: createAccount,
  UpdateAccount: updateAccount,
  SetRetrievers: setRetrievers,
  ChangeServicePrincipalNames: changeServicePrincipalNames,
  ChangeHosts: changeHosts,
  RenameHostGroup: renameHostGroup,
  CreateAccessGroup: createAccessGroup,
  JoinAccessGroup: joinAccessGroup,
  LeaveAccessGroup: leaveAccessGroup,
  Adopt: adopt,
  DeleteAccount: deleteAccount,
  DeleteHostGroup: deleteHostGroup,
  DeleteAccessGroup: deleteAccessGroup,
  Release: release,
};

export type ChangeKind = keyof typeof ENTRIES;
type FieldsOf<Entry> = Entry extends ChangeEntry<infer Fields> ? Fields : never;
type Fields = { readonly [kind in ChangeKind]: FieldsOf<(typeof ENTRIES)[kind]> };

/** One write to the directory. */
export type Change<Kind extends ChangeKind = ChangeKind> = { [kind in Kind]: { readonly kind: kind } & Fields[kind] }[Kind];

const TABLE: { readonly [kind in ChangeKind]: ChangeEntry<Fields[kind]> } = ENTRIES;

export const CHANGE_KINDS: readonly ChangeKind[] = Object.keys(TABLE).filter((kind): kind is ChangeKind => kind in TABLE);

export interface Plan {
  readonly changes: readonly Change[];
  /** What follows once the changes are made, as far as it can be told now: for people to read, never applied. */
  readonly later: readonly Change[];
  readonly blockers: readonly Blocker[];
}

export const NOTHING: Plan = { changes: [], later: [], blockers: [] };

export function blockedBy(blocker: Blocker): Plan {
  return { ...NOTHING, blockers: [blocker] };
}

/** The part of the farm whose condition tells of the change. */
export function partOf<Kind extends ChangeKind>(change: Change<Kind>): Part {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.part(change);
}

export function objectOf(change: Change): string {
  return "object" in change ? change.object.distinguishedName : change.distinguishedName;
}

/** The change value by value, where it has several: one that the directory refuses then keeps only itself out. Else nothing. */
export function splitChange<Kind extends ChangeKind>(change: Change<Kind>): readonly Change<Kind>[] {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.split?.(change) ?? [];
}

/** The change as users read it: one line for each host and each SPN. */
export function describeChange<Kind extends ChangeKind>(change: Change<Kind>): readonly PlannedChange[] {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.describe(change);
}

/** `account`: its sAMAccountName. `drifted`: the change puts right what somebody else had changed. */
export function eventsOf<Kind extends ChangeKind>(change: Change<Kind>, account: string, drifted: boolean): readonly EventDraft[] {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.events(change, { account, drifted, say: drifted ? sayDrift : say });
}

function say(reason: string, message: string): EventDraft {
  return { type: "Normal", reason, message };
}

function sayDrift(_reason: string, message: string): EventDraft {
  const text = `drift corrected (the directory was changed outside the operator): ${message}`;
  return { type: "Warning", reason: "DriftCorrected", message: text };
}

export function writeOf<Kind extends ChangeKind>(change: Change<Kind>): Write {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.write(change);
}

/** The kind of object that the change makes, as status.ownedObjects has it; undefined for one that makes none. */
export function createdBy({ kind }: Change): ChangeEntry<never>["creates"] {
  return TABLE[kind].creates;
}

/** The service principal names that nobody has after the change. `held`: those that the account had. */
export function freedNames(change: Change, held: readonly string[]): readonly string[] {
  return change.kind === "ChangeServicePrincipalNames" ? change.remove : change.kind === "DeleteAccount" ? held : [];
}

/** Whether somebody may retrieve the password by the change who may not without it. */
export function givesRight(change: Change): boolean {
  return (
    change.kind === "CreateAccount" ||
    change.kind === "CreateHostGroup" ||
    (partOf(change) === "Hosts" && "add" in change && change.add.length > 0)
  );
}

/** Why the change is made. `quarantined`: the computers that must not have the right. `drifted`: it undoes what somebody else did. */
export function causeOf(
  change: Change,
  quarantined: readonly { readonly distinguishedName: string; readonly objectSID: string | undefined }[],
  drifted: boolean,
): Cause {
  if (change.kind === "Adopt") return "Adoption";
  const removed = new Set("remove" in change ? change.remove.map(dnKey) : []);
  const denied = new Set(change.kind === "SetRetrievers" ? change.denied : []);
  const keepsOut = quarantined.some(
    ({ distinguishedName, objectSID = "" }) => removed.has(dnKey(distinguishedName)) || denied.has(objectSID),
  );
  return keepsOut ? "Quarantine" : drifted ? "Drift" : "SpecChange";
}

/** Whether something has to be recorded before the change is made. */
export function isRecorded({ kind }: Change): boolean {
  return TABLE[kind].journal !== undefined;
}

/** The journal as it must be before the changes are made; the same where nothing has to be recorded. `computers` are those that the changes name. */
export function recordBefore(
  journal: Journal,
  changes: readonly Change[],
  computers: readonly { readonly distinguishedName: string; readonly objectGUID: string }[],
): Journal {
  const guids = new Map(computers.map(({ distinguishedName, objectGUID }) => [dnKey(distinguishedName), objectGUID]));
  return changes.filter(isRecorded).reduce((before, change) => journalOf(change, before, (dn) => guids.get(dnKey(dn))), journal);
}

function journalOf<Kind extends ChangeKind>(change: Change<Kind>, journal: Journal, guidOf: (dn: string) => string | undefined): Journal {
  const entry: ChangeEntry<Fields[Kind]> = TABLE[change.kind];
  return entry.journal?.(change, journal, guidOf) ?? journal;
}

/** A group as a change of its members names it: with its marker where it is the farm's own. */
export function memberGroup(farm: { readonly owner: string }, object: DirectoryObject, name: string | undefined): MemberGroup {
  const { distinguishedName, objectGUID, owner } = object;
  return { distinguishedName, objectGUID, ...(owner === farm.owner ? { owner } : { owner: undefined, name }) };
}
