import type { Blocker, Part } from "../../api/reasons.ts";
import { commonName } from "../../names/distinguished-name.ts";

/** An object that a change is made to. The change happens only while the object still bears this owner marker. */
export interface OwnedObject {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly owner: string;
}

/** A group that the farm declares to be somebody else's. Of it only members are changed, and whatever marker it bears stays. */
export interface ExistingGroup {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly owner: undefined;
  /** As the farm names it; undefined for one that it used before. */
  readonly name: string | undefined;
}

/** An existing host group, used now or before. */
export interface RememberedGroup {
  readonly objectGUID: string;
  readonly distinguishedName: string;
  /** As the farm names it; undefined for one that it used before. */
  readonly name: string | undefined;
  /** objectGUIDs of the computers that this farm put in. */
  readonly added: readonly string[];
}

/** A group whose members are changed. */
export type MemberGroup = OwnedObject | ExistingGroup;

/** The properties of an account that are updated in place; undefined removes the attribute. */
export interface AccountProperties {
  readonly dNSHostName?: string | undefined;
  readonly description?: string | undefined;
  readonly displayName?: string | undefined;
  readonly userAccountControl?: string | undefined;
  readonly "msDS-SupportedEncryptionTypes"?: string | undefined;
}

/** One write to the directory. */
export type Change =
  | {
      readonly kind: "CreateHostGroup";
      readonly distinguishedName: string;
      readonly samAccountName: string;
      readonly owner: string;
      readonly members: readonly string[];
    }
  | {
      readonly kind: "CreateAccount";
      readonly distinguishedName: string;
      readonly samAccountName: string;
      readonly owner: string;
      readonly passwordIntervalDays: number;
      readonly properties: AccountProperties;
      readonly servicePrincipalNames: readonly string[];
      /** SIDs: who may retrieve the password, and who is kept out by name. */
      readonly retrievers: readonly string[];
      readonly denied: readonly string[];
    }
  /** `observed` are the values that it was decided on: where they changed meanwhile, nothing is written, since some of their bits are not ours. */
  | {
      readonly kind: "UpdateAccount";
      readonly object: OwnedObject;
      readonly properties: AccountProperties;
      readonly observed: AccountProperties;
    }
  | {
      readonly kind: "SetRetrievers";
      readonly object: OwnedObject;
      /** SIDs. */
      readonly retrievers: readonly string[];
      /** SIDs that are kept out by name: quarantined computers, where the group is not the farm's to take them out of. */
      readonly denied: readonly string[];
      /** Distinguished names of computers that are named directly, or not any more. */
      readonly add: readonly string[];
      readonly remove: readonly string[];
      /** What else it puts right, in words. */
      readonly because: readonly string[];
    }
  | {
      readonly kind: "ChangeServicePrincipalNames";
      readonly object: OwnedObject;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  /** Distinguished names. */
  | { readonly kind: "ChangeHosts"; readonly object: MemberGroup; readonly add: readonly string[]; readonly remove: readonly string[] }
  /** Its sAMAccountName; the group keeps its SID, so that no host loses the right meanwhile. */
  | { readonly kind: "RenameHostGroup"; readonly object: OwnedObject; readonly samAccountName: string }
  | {
      readonly kind: "CreateAccessGroup";
      readonly distinguishedName: string;
      readonly samAccountName: string;
      readonly owner: string;
      readonly members: readonly string[];
    }
  /** `member` is the account; `name` the group's, as the farm names it. */
  | { readonly kind: "JoinAccessGroup"; readonly object: MemberGroup; readonly member: string; readonly name: string }
  | { readonly kind: "LeaveAccessGroup"; readonly object: MemberGroup; readonly member: string }
  /** It gets the owner marker, if it bears none at that moment. `owner` is the marker that it gets. */
  | { readonly kind: "Adopt"; readonly object: OwnedObject; readonly part: "Account" | "Hosts" }
  | { readonly kind: "DeleteAccount"; readonly object: OwnedObject }
  | { readonly kind: "DeleteHostGroup"; readonly object: OwnedObject }
  | { readonly kind: "DeleteAccessGroup"; readonly object: OwnedObject }
  /** The object stays, without its owner marker. */
  /** `remembered`: a host group that is somebody else's from now on, with the members that the farm put in. */
  | { readonly kind: "Release"; readonly object: OwnedObject; readonly because: string; readonly remembered?: RememberedGroup };

export interface Plan {
  readonly changes: readonly Change[];
  /** What follows once the changes are made, as far as it can be told now: for people to read, never applied. */
  readonly later?: readonly Change[];
  readonly blockers: readonly Blocker[];
}

export type ChangeKind = Change["kind"];

export const CHANGE_KINDS: readonly ChangeKind[] = [
  "CreateHostGroup",
  "CreateAccount",
  "UpdateAccount",
  "SetRetrievers",
  "ChangeServicePrincipalNames",
  "ChangeHosts",
  "RenameHostGroup",
  "CreateAccessGroup",
  "JoinAccessGroup",
  "LeaveAccessGroup",
  "Adopt",
  "DeleteAccount",
  "DeleteHostGroup",
  "DeleteAccessGroup",
  "Release",
];

/** The part of the farm whose condition tells of the change. */
export function partOf(change: Change): Part {
  switch (change.kind) {
    case "CreateHostGroup":
    case "ChangeHosts":
    case "RenameHostGroup":
    case "SetRetrievers":
    case "DeleteHostGroup":
      return "Hosts";
    case "ChangeServicePrincipalNames":
      return "ServicePrincipalNames";
    case "CreateAccessGroup":
    case "JoinAccessGroup":
    case "LeaveAccessGroup":
    case "DeleteAccessGroup":
      return "AccessGroups";
    case "Adopt":
      return change.part;
    case "CreateAccount":
    case "UpdateAccount":
    case "DeleteAccount":
    case "Release":
      return "Account";
  }
}

export function objectOf(change: Change): string {
  return "object" in change ? change.object.distinguishedName : change.distinguishedName;
}

/** The change value by value, where it has several: one that the directory refuses then keeps only itself out. Else nothing. */
export function splitChange(change: Change): readonly Change[] {
  if (change.kind !== "ChangeHosts" && change.kind !== "ChangeServicePrincipalNames") return [];
  const parts = [
    ...change.remove.map((value): Change => ({ ...change, remove: [value], add: [] })),
    ...change.add.map((value): Change => ({ ...change, remove: [], add: [value] })),
  ];
  return parts.length > 1 ? parts : [];
}

/** One line of status.plan. */
export interface PlannedChange {
  readonly change: string;
  readonly object: string;
  readonly value?: string;
}

/** The change as users read it: one line for each host and each SPN. */
export function describeChange(change: Change): readonly PlannedChange[] {
  const object = objectOf(change);
  switch (change.kind) {
    case "ChangeHosts":
      return [
        ...change.remove.map((value) => ({ change: "RemoveHost", object, value })),
        ...change.add.map((value) => ({ change: "AddHost", object, value })),
      ];
    case "ChangeServicePrincipalNames":
      return [
        ...change.remove.map((value) => ({ change: "RemoveServicePrincipalName", object, value })),
        ...change.add.map((value) => ({ change: "AddServicePrincipalName", object, value })),
      ];
    case "UpdateAccount":
      return Object.entries(change.properties).map(([name, value]) => ({
        change: change.kind,
        object,
        value: value === undefined ? `${name} removed` : `${name}=${String(value)}`,
      }));
    case "SetRetrievers": {
      const { add, remove, because } = change;
      const lines = [
        ...remove.map((value) => ({ change: "RemoveHost", object, value })),
        ...add.map((value) => ({ change: "AddHost", object, value })),
      ];
      return because.length > 0 || lines.length === 0 ? [...lines, { change: change.kind, object, value: because.join("; ") }] : lines;
    }
    case "JoinAccessGroup":
    case "LeaveAccessGroup":
      return [{ change: change.kind, object, value: change.member }];
    case "RenameHostGroup":
      return [{ change: change.kind, object, value: change.samAccountName }];
    case "CreateHostGroup":
    case "CreateAccessGroup":
      return [{ change: change.kind, object, value: change.members.map(commonName).join(", ") }];
    case "Adopt":
    case "CreateAccount":
    case "DeleteAccount":
    case "DeleteHostGroup":
    case "DeleteAccessGroup":
    case "Release":
      return [{ change: change.kind, object }];
  }
}
