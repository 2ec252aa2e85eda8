/** Objects that become the farm's, or cease to be: by their marker, and by deletion. */
import type { Part } from "../../api/reasons.ts";
import { ACCOUNT_CLASS, GROUP_CLASS } from "../../ad/object.ts";
import type { OwnedObject } from "../../ad/write.ts";
import type { RememberedGroup } from "../journal.ts";
import { type ChangeEntry } from "./entry.ts";

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
  events: ({ object: { distinguishedName } }, context) => [context.say("Adopted", `took over ${distinguishedName}, which nobody owned`)],
  write: ({ object, consent }) => ({ kind: "Mark", object, replaces: consent }),
};

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
    { type: "Warning", reason: "ObjectKept", message: `${distinguishedName} stays in the directory, without owner: ${because}` },
  ],
  write: ({ object }) => ({ kind: "Modify", object, modifications: [["replace", "adminDescription", []]] }),
  journal: ({ remembered }, journal) =>
    remembered
      ? {
          ...journal,
          hostGroups: [...journal.hostGroups.filter(({ objectGUID }) => objectGUID !== remembered.objectGUID), remembered],
        }
      : journal,
};

function deletion(part: Part, objectClass: string, reason: string): ChangeEntry<{ readonly object: OwnedObject }> {
  return {
    part: () => part,
    describe: ({ kind, object: { distinguishedName } }) => [{ change: kind, object: distinguishedName }],
    events: ({ object: { distinguishedName } }, context) => [context.say(reason, `deleted ${distinguishedName}`)],
    write: ({ object }) => ({ kind: "Delete", object, objectClass }),
  };
}

export const deleteAccount = deletion("Account", ACCOUNT_CLASS, "AccountDeleted");
export const deleteHostGroup = deletion("Hosts", GROUP_CLASS, "HostGroupDeleted");
export const deleteAccessGroup = deletion("AccessGroups", GROUP_CLASS, "AccessGroupDeleted");
