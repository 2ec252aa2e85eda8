/** Every kind of change to the directory, one line each: what is known of it is in its entry. */
import type { EventDraft } from "../../api/event.ts";
import type { Blocker, Part } from "../../api/reasons.ts";
import type { Write } from "../../ad/write.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import type { Journal } from "../journal.ts";
import { createAccessGroup, createAccount, createHostGroup } from "./create.ts";
import type { ChangeEntry, PlannedChange } from "./entry.ts";
import { changeHosts, joinAccessGroup, leaveAccessGroup } from "./members.ts";
import { adopt, deleteAccessGroup, deleteAccount, deleteHostGroup, release } from "./ownership.ts";
import { changeServicePrincipalNames, renameHostGroup, setRetrievers, updateAccount } from "./update.ts";

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
  const text = `somebody else had changed the directory, which was put right: ${message}`;
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

/** Whether somebody may retrieve the password by the change who may not without it. */
export function givesRight(change: Change): boolean {
  return (
    change.kind === "CreateAccount" ||
    change.kind === "CreateHostGroup" ||
    (partOf(change) === "Hosts" && "add" in change && change.add.length > 0)
  );
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
