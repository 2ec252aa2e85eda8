/** What of an account, or of the name of a host group, is changed in place. */
import { ACCOUNT_DISABLED, FLAG_NAMES } from "../../ad/account-flags.ts";
import type { AccountProperties } from "../../ad/object.ts";
import type { Modification, OwnedObject } from "../../ad/write.ts";
import { hostEvents, hostLines, splitValues, type ChangeEntry, type HostDelta } from "./entry.ts";

interface AccountUpdate {
  readonly object: OwnedObject;
  readonly properties: AccountProperties;
  /** The values that it was decided on: where they changed meanwhile, nothing is written, since some of their bits are not the farm's. */
  readonly observed: AccountProperties;
}

export const updateAccount: ChangeEntry<AccountUpdate> = {
  part: () => "Account",
  describe: ({ kind, object: { distinguishedName }, properties, observed }) => {
    const before = new Map<string, string | undefined>(Object.entries(observed));
    return Object.entries(properties).map(([name, value]) => ({
      change: kind,
      object: distinguishedName,
      value: describeProperty(name, before.get(name), value),
    }));
  },
  events: ({ properties }, context) => [context.say("AccountUpdated", `${context.account}: set ${Object.keys(properties).join(", ")}`)],
  write: ({ object, properties, observed }) => {
    const values: readonly (readonly [string, string | undefined])[] = Object.entries(properties);
    const modifications = values.map(([name, value]): Modification => ["replace", name, value === undefined ? [] : [value]]);
    return { kind: "Modify", object, modifications, expected: { ...observed } };
  },
};

/** The old and the new value as people read them: of the flags in userAccountControl a farm decides one. */
function describeProperty(name: string, before: string | undefined, after: string | undefined): string {
  if (name === "userAccountControl") return `${stateOf(before)} -> ${stateOf(after)}`;
  return `${name}: ${inWords(name, before)} -> ${inWords(name, after)}`;
}

function stateOf(control: string | undefined): string {
  if (control === undefined) return "unknown";
  return (Number(control) & ACCOUNT_DISABLED) === 0 ? "enabled" : "disabled";
}

function inWords(name: string, value: string | undefined): string {
  if (value === undefined) return "none";
  const flags = Object.entries(FLAG_NAMES[name] ?? {}).filter(([, bit]) => (Number(value) & bit) !== 0);
  return flags.length > 0 ? flags.map(([flag]) => flag).join(", ") : value;
}

interface RetrieversChange extends HostDelta {
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

export const setRetrievers: ChangeEntry<RetrieversChange> = {
  part: () => "Hosts",
  describe: ({ kind, because, object: { distinguishedName }, ...delta }) => {
    const lines = hostLines(delta, distinguishedName);
    return because.length > 0 || lines.length === 0
      ? [...lines, { change: kind, object: distinguishedName, value: because.join("; ") }]
      : lines;
  },
  events: (change, context) => [
    ...hostEvents(change, "at once, since it is named directly", context),
    ...(change.because.length > 0
      ? [context.say("RetrieversSet", `${context.account}: changed who may retrieve the password: ${change.because.join("; ")}`)]
      : []),
  ],
  write: ({ object, retrievers: principals, denied }) => ({
    kind: "Modify",
    object,
    modifications: [["replace", "msDS-GroupMSAMembership", [{ principals, denied }]]],
  }),
};

/** Never both: in a modify that deletes as well Samba looks neither for another holder of what is added nor for one of what implies it. */
type ServicePrincipalNamesChange = { readonly object: OwnedObject } & (
  | { readonly add: readonly string[]; readonly remove: readonly [] }
  | { readonly add: readonly []; readonly remove: readonly string[] }
);

export const changeServicePrincipalNames: ChangeEntry<ServicePrincipalNamesChange> = {
  part: () => "ServicePrincipalNames",
  describe: ({ object: { distinguishedName: object }, add, remove }) => [
    ...remove.map((value) => ({ change: "RemoveServicePrincipalName", object, value })),
    ...add.map((value) => ({ change: "AddServicePrincipalName", object, value })),
  ],
  events: ({ add, remove }, context) => [
    context.say("ServicePrincipalNamesChanged", remove.length > 0 ? `removed ${remove.join(", ")}` : `added ${add.join(", ")}`),
  ],
  write: ({ object, add, remove }) => ({
    kind: "Modify",
    object,
    modifications: [remove.length > 0 ? ["delete", "servicePrincipalName", remove] : ["add", "servicePrincipalName", add]],
  }),
  split: splitValues,
};

interface HostGroupName {
  readonly object: OwnedObject;
  readonly samAccountName: string;
}

/** Its sAMAccountName; the group keeps its SID, so that no host loses the right meanwhile. */
export const renameHostGroup: ChangeEntry<HostGroupName> = {
  part: () => "Hosts",
  describe: ({ kind, object: { distinguishedName }, samAccountName }) => [
    { change: kind, object: distinguishedName, value: samAccountName },
  ],
  events: ({ samAccountName }, context) => [context.say("HostGroupRenamed", `the host group is now ${samAccountName}`)],
  write: ({ object, samAccountName }) => ({ kind: "Modify", object, modifications: [["replace", "sAMAccountName", [samAccountName]]] }),
};
