/** Users that pods.hostAccount meant before: on record until they have no right any more, so that one that cannot be taken out now is not forgotten. */
import { type DirectoryObject, isGroup } from "../ad/object.ts";
import { FIELD } from "./desired-host-account.ts";
import type { Looked, Resolution } from "./looked.ts";
import { accountsOf } from "./name-queries.ts";
import { membership } from "./queries.ts";
import { isAccessGroup } from "./slot.ts";

/** For one whose entry means another user by now. No entry can be called so. */
const FORMER = `${FIELD}(before)`;

/** After the user that is meant now. */
export function rememberFormer(to: Resolution): void {
  const { desired, observed } = to.looked;
  const current = { text: desired.hostAccount?.reference ?? "" };
  const hasRight = rightOf(to.looked);
  for (const [text, hosts] of desired.resolved) {
    if (!text.startsWith(FIELD)) continue;
    for (const host of hosts) {
      if (to.isRemembered(current, host)) continue;
      const [user] = to.seen([host]);
      const isLeft = user ? hasRight(user) : !observed.gone.includes(host.objectGUID);
      if (isLeft) to.remember({ text: text === current.text ? FORMER : text }, [host]);
    }
  }
}

/** Whether a user has what the farm gave, though a deny entry may keep it out: that entry may go. */
function rightOf({ desired, observed }: Looked): (user: DirectoryObject) => boolean {
  const named = new Set(accountsOf(desired, observed.objects).flatMap(({ retrievers }) => retrievers?.principals ?? []));
  const groups = new Map(observed.objects.filter(isGroup).map((group) => [group.objectGUID, group]));
  const own = [...groups.values()].filter((group) => group.owner === desired.owner && !isAccessGroup(desired, group));
  return (user) => {
    const put = desired.journal.hostGroups.filter(({ added }) => added.includes(user.objectGUID));
    const given = [...own, ...put.flatMap(({ objectGUID }) => groups.get(objectGUID) ?? [])];
    // What is not seen may be on its way from another server, or be unreadable for a while.
    const isUnseen = observed.missing.length > 0 || put.some(({ objectGUID }) => !groups.has(objectGUID));
    return isUnseen || named.has(user.objectSID ?? "") || given.some((group) => membership({ observed }, group)(user));
  };
}
