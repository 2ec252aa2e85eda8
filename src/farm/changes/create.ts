/** Objects that a farm makes: each whole, in one write. */
import { type AccountProperties, ACCOUNT_CLASS, GROUP_CLASS } from "../../ad/object.ts";
import type { Write } from "../../ad/write.ts";
import { commonName } from "../../names/distinguished-name.ts";
import { type ChangeEntry, type PlannedChange } from "./entry.ts";

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

export const createHostGroup: ChangeEntry<NewGroup> = {
  part: () => "Hosts",
  creates: "HostGroup",
  describe: describeGroup,
  events: ({ distinguishedName, members }, context) => {
    const again = context.drifted ? "; it is another group with a new SID, so its hosts need a restart or klist -li 0x3e7 purge" : "";
    return [context.say("HostGroupCreated", `created ${distinguishedName} with ${members.length} hosts${again}`)];
  },
  write: addGroup,
};

export const createAccessGroup: ChangeEntry<NewGroup> = {
  part: () => "AccessGroups",
  creates: "AccessGroup",
  describe: describeGroup,
  events: ({ distinguishedName }, context) => [
    context.say("AccessGroupCreated", `created ${distinguishedName} with ${context.account} as its member`),
  ],
  write: addGroup,
};

export const createAccount: ChangeEntry<NewAccount> = {
  part: () => "Account",
  creates: "Account",
  describe: ({ kind, distinguishedName }) => [{ change: kind, object: distinguishedName }],
  events: ({ distinguishedName, servicePrincipalNames }, context) => {
    const again = context.drifted
      ? "; it is another account with a new SID, so rights that were granted to the old one have to be granted again"
      : "";
    const message = `created ${distinguishedName} with ${servicePrincipalNames.length} SPNs; on each host run Install-ADServiceAccount ${context.account}${again}`;
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
