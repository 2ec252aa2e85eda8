/** Objects that become the farm's, or cease to be: by their marker, and by deletion. */
import type { Part } from "../../api/reasons.ts";
import { ACCOUNT_CLASS, GROUP_CLASS } from "../../ad/object.ts";
import type { OwnedObject } from "../../ad/write.ts";
import type { FormerAccount, Journal, RememberedGroup } from "../journal.ts";
import { type ChangeEntry, listOf } from "./entry.ts";

interface Adopted {
  readonly object: OwnedObject;
  readonly part: "Account" | "Hosts";
  /** Its adminDescription, which lets the farm take it over; undefined: it has none. */
  readonly consent: string | undefined;
}

/** It gets the owner marker, if it bears at that moment what it bore when it was looked at. */
export const adopt: ChangeEntry<Adopted> = {
  part: ({ part }) => part,
  describe: ({ kind, object: { distinguishedName } }) => [{ change: kind, object: distinguishedName }],
  events: ({ object: { distinguishedName } }, context) => [context.say("Adopted", `adopted ${distinguishedName}, which had no owner`)],
  write: ({ object, consent }) => ({ kind: "Mark", object, replaces: consent }),
  // The marker alone would not make a group the farm's where farms create none.
  journal: ({ object: { distinguishedName, objectGUID }, part }, journal) =>
    part === "Hosts" ? withHostGroup(journal, { objectGUID, distinguishedName, name: undefined, added: [] }) : journal,
};

function withHostGroup(journal: Journal, group: RememberedGroup): Journal {
  return { ...journal, hostGroups: [group, ...journal.hostGroups.filter(({ objectGUID }) => objectGUID !== group.objectGUID)] };
}

interface Released {
  readonly object: OwnedObject;
  readonly because: string;
  /** A host group that is somebody else's from now on, with the members that the farm put in. */
  readonly remembered?: RememberedGroup;
}

/** The object stays, without its owner marker. */
export const release: ChangeEntry<Released> = {
  part: () => "Account",
  describe: ({ kind, object: { distinguishedName } }) => [{ change: kind, object: distinguishedName }],
  events: ({ object: { distinguishedName }, because }) => [
    { type: "Warning", reason: "ObjectKept", message: `${distinguishedName} stays in the directory, without owner marker: ${because}` },
  ],
  write: ({ object }) => ({ kind: "Modify", object, modifications: [["replace", "adminDescription", []]] }),
  journal: ({ remembered }, journal) => (remembered ? withHostGroup(journal, remembered) : journal),
};

function deletion(part: Part, objectClass: string, reason: string): ChangeEntry<{ readonly object: OwnedObject }> {
  return {
    part: () => part,
    describe: ({ kind, object: { distinguishedName } }) => [{ change: kind, object: distinguishedName }],
    events: ({ object: { distinguishedName } }, context) => [context.say(reason, `deleted ${distinguishedName}`)],
    write: ({ object }) => ({ kind: "Delete", object, objectClass }),
  };
}

interface DeletedAccount {
  readonly object: OwnedObject;
  /** It is created again, and what of it is not in the manifest is recorded before. */
  readonly former?: FormerAccount;
}

export const deleteAccount: ChangeEntry<DeletedAccount> = {
  ...deletion("Account", ACCOUNT_CLASS, "AccountDeleted"),
  events: ({ object: { distinguishedName }, former }, context) => [
    former
      ? { type: "Warning", reason: "AccountRecreated", message: recreatedMessage(distinguishedName, former) }
      : context.say("AccountDeleted", `deleted ${distinguishedName}`),
  ],
  journal: ({ former }, journal) => (former ? { ...journal, formerAccount: former } : journal),
};

function recreatedMessage(distinguishedName: string, { objectGUID, objectSID, memberOf = [] }: FormerAccount): string {
  const groups =
    memberOf.length > 0
      ? ` It was a member of ${listOf(memberOf)}: add the new account to those that it needs.`
      : " It was in no group other than the farm's access groups.";
  return `deleted ${distinguishedName} (objectGUID ${objectGUID}) to create it again, as the annotation serverfarm.dev/recreate-account asks. The new account has another SID and password: restart the services on its hosts, and grant it the rights that were granted to ${objectSID ?? "the old SID"}.${groups}`;
}

export const deleteHostGroup = deletion("Hosts", GROUP_CLASS, "HostGroupDeleted");
export const deleteAccessGroup = deletion("AccessGroups", GROUP_CLASS, "AccessGroupDeleted");
