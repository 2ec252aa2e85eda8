/** Where an object of a farm stands, and whether the farm may use what is there. */
import type { Blocker, Part } from "../api/reasons.ts";
import { groupsOf, isAccount, isGroup, type DirectoryObject } from "../ad/object.ts";
import { describeRight } from "../ad/right.ts";
import type { ExistingGroup, OwnedObject } from "../ad/write.ts";
import { bearerOf, sameName } from "../names/account-name.ts";
import { dnKey, isSharedContainer, MAKE_AN_OU, parentDn, parentKey } from "../names/distinguished-name.ts";
import { copied, describeOwner, isOwnerMarker } from "../names/identifier.ts";
import { adoptionHint, mayAdopt } from "./adoption.ts";
import type { DesiredFarm, DesiredGroup } from "./desired-farm.ts";
import { type Fit, misfitsOfAccount, misfitsOfHostGroup, refusedMembers, unfit } from "./fit.ts";
import type { Identity } from "./journal.ts";
import type { ObservedFarm } from "./observed.ts";
import { protectedMessage } from "./protected.ts";
import { groupInUse, groupOpensPasswords, replacedGroup } from "./host-messages.ts";
import { isTakenElsewhere } from "./sharing.ts";

/** What stands where the farm wants an object. */
export type Slot =
  | { readonly kind: "Vacant" }
  | { readonly kind: "Own"; readonly object: DirectoryObject }
  /** A group of somebody else, as the farm says; also one of the farm's own that it says so of. */
  | { readonly kind: "External"; readonly object: DirectoryObject; readonly group: ExistingGroup }
  /** Nobody's, and to be taken over. */
  | { readonly kind: "Adoptable"; readonly object: DirectoryObject }
  /** Something that the farm must not touch, or nothing where somebody else should have put something. */
  | {
      readonly kind: "Blocked";
      readonly blocker: Blocker;
      /** A group that the farm used and may not use any more: nobody is put in, and what it put in is still its to take out. */
      readonly frozen?: DirectoryObject;
    }
  /** The farm wants nothing there. */
  | { readonly kind: "Unwanted" };

interface Wanted {
  readonly part: Part;
  readonly what: string;
  readonly samAccountName: string;
  readonly distinguishedName: string;
  readonly is: (object: DirectoryObject) => boolean;
  /** Whether an object that the farm owns, but under another name, may be this one. */
  readonly known: (object: DirectoryObject) => boolean;
  /** What to do instead of removing what is there: a sentence without its full stop. */
  readonly otherwise: string;
  /** The fields that say where it is created. */
  readonly container: string;
  /** Of an object that nobody owns, what keeps it from being taken over: values for the manifest, or a reason; undefined where it never is. */
  readonly adoption: ((object: DirectoryObject) => Fit) | undefined;
}

function ownedSlot(desired: DesiredFarm, observed: ObservedFarm, wanted: Wanted): Slot {
  const mine = (object: DirectoryObject): boolean => wanted.is(object) && object.owner === desired.owner;
  const known = observed.objects.find((object) => mine(object) && wanted.known(object));
  const bySam = observed.objects.find((object) => sameName(object.samAccountName, wanted.samAccountName));
  const byDn = observed.objects.find((object) => dnKey(object.distinguishedName) === dnKey(wanted.distinguishedName));
  // An account or group that was renamed keeps its GUID; one that bears the wanted name goes first, as the names may have changed in the spec.
  const found = bySam ?? byDn;
  const object = found && (mine(found) || !known) ? found : known;
  if (!object) return vacantSlot(desired, observed, wanted);
  const { distinguishedName } = object;
  const blocked = (reason: Blocker["reason"], message: string): Slot => ({
    kind: "Blocked",
    blocker: { reason, part: wanted.part, message },
  });
  if (object.protection !== undefined) return blocked("ProtectedObject", protectedMessage(object, wanted.what, desired.owner));
  if (!wanted.is(object)) {
    return blocked(
      "ObjectExists",
      `${distinguishedName} (${object.objectClass}) has the name of the ${wanted.what}; the operator left it as it is. ${wanted.otherwise}, or remove that object if nobody needs it.`,
    );
  }
  if (object.owner === desired.owner) return { kind: "Own", object };
  if (wanted.adoption && mayAdopt(desired.adoption, object)) {
    const blocker = unfit(object, wanted, wanted.adoption(object));
    return blocker ? { kind: "Blocked", blocker } : { kind: "Adoptable", object };
  }
  // To adopt it or to choose another name costs nobody anything, so these come first. What another farm owns must not be removed for this one.
  const hint = wanted.adoption ? adoptionHint(desired.adoption, object) : "";
  const move = `If it is the farm's, move it to ${parentDn(wanted.distinguishedName)}; if not, remove the object or its adminDescription.`;
  const remedy =
    object.owner === copied(desired.owner)
      ? move
      : `${wanted.otherwise}${isOwnerMarker(object.owner) ? "." : ", or remove that object if nobody needs it."}`;
  return blocked(
    "NotOwned",
    `${distinguishedName} exists and ${describeOwner(object.owner, desired.owner)}; the operator left it as it is.${hint} ${remedy}`,
  );
}

/** Nothing is half made: what cannot be made is known before anything is. */
function vacantSlot({ operator }: DesiredFarm, { uncreatable }: ObservedFarm, { part, what, distinguishedName, container }: Wanted): Slot {
  const parent = parentDn(distinguishedName);
  if (isSharedContainer(parent)) {
    const message = `the ${what} is not created in the shared container ${parent}: ${MAKE_AN_OU}, and name it in ${container}.`;
    return { kind: "Blocked", blocker: { reason: "InvalidSpec", part, message } };
  }
  const right = uncreatable?.get(distinguishedName);
  if (!right) return { kind: "Vacant" };
  const reason = right.kind === "NoContainer" || right.kind === "NotAContainer" ? "Rejected" : "AccessDenied";
  return { kind: "Blocked", blocker: { reason, part, message: `the ${what} cannot be created: ${describeRight(right, operator)}` } };
}

/** `used`: groups that it used under this name, the latest first. */
function externalSlot(
  desired: DesiredFarm,
  observed: ObservedFarm,
  wanted: DesiredGroup,
  { part, field, used }: { readonly part: Part; readonly field: string; readonly used: readonly Identity[] },
): Slot {
  const { samAccountName, container } = wanted;
  const named = observed.objects.find((object) => sameName(object.samAccountName, samAccountName));
  // Whoever renames or moves a group keeps it the same group. One that gives the right to the password is not replaced by another that gets its name.
  const known = used.flatMap((group) => observed.objects.find(({ objectGUID }) => objectGUID === group.objectGUID) ?? [])[0];
  const object = part === "Hosts" ? (known ?? named) : (named ?? known);
  const blocked = (reason: Blocker["reason"], message: string): Slot => ({ kind: "Blocked", blocker: { reason, part, message } });
  if (!object) {
    const [latest] = part === "Hosts" ? used : [];
    const where = container ?? (latest && parentDn(latest.distinguishedName));
    const remedy = `create it${where === undefined ? "" : ` in ${where}`}, or correct ${field}. The farm then continues automatically.`;
    return blocked("GroupNotFound", `no group has the sAMAccountName ${samAccountName}: ${remedy}`);
  }
  const { distinguishedName, objectGUID, objectClass, owner } = object;
  if (!isGroup(object)) return blocked("GroupNotFound", `${distinguishedName} is not a group but a ${objectClass}: correct ${field}.`);
  if (object.protection !== undefined) return blocked("ProtectedObject", protectedMessage(object, "group"));
  if (container !== undefined && object !== known && parentKey(distinguishedName) !== dnKey(container)) {
    return blocked(
      "GroupNotFound",
      `the group ${samAccountName} is not in ${container} but is ${distinguishedName}: correct ${field}, or its container.`,
    );
  }
  // Farms that keep the members of their groups would fight over them.
  if (isOwnerMarker(owner) && owner !== desired.owner) {
    return blocked(
      "NotOwned",
      `${distinguishedName} cannot be used: ${describeOwner(owner, desired.owner)}, which manages its members. Name another group in ${field}.`,
    );
  }
  if (!object.securityEnabled) {
    return blocked(
      "Rejected",
      `${distinguishedName} is a distribution group, which gives no rights: make it a security group (Set-ADGroup -GroupCategory Security), or correct ${field}.`,
    );
  }
  return { kind: "External", object, group: { distinguishedName, objectGUID, owner: undefined, name: samAccountName } };
}

export function slotOfAccount(desired: DesiredFarm, observed: ObservedFarm): Slot {
  const slot = ownedSlot(desired, observed, {
    part: "Account",
    what: "account",
    samAccountName: desired.account.samAccountName,
    distinguishedName: desired.account.distinguishedName,
    is: isAccount,
    known: ({ objectGUID }) => desired.knownObjects.includes(objectGUID),
    otherwise: "Create a ServerFarm with another account.name",
    container: "account.container, or the domain's defaults.accountContainer",
    adoption: (object) => ({ misfits: misfitsOfAccount(desired, object), refused: undefined }),
  });
  const blocker = slot.kind === "Vacant" ? dnsHostNameTaken(desired, observed, undefined) : undefined;
  return blocker ? { kind: "Blocked", blocker } : slot;
}

/** That the account's dNSHostName is another object's name: certificates are made out to it. `own`: the account, from which no quota-made computer takes it. */
export function dnsHostNameTaken(
  { account, domain }: DesiredFarm,
  { objects, computers }: ObservedFarm,
  own: DirectoryObject | undefined,
): Blocker | undefined {
  const { dnsHostName } = account;
  if (dnsHostName === undefined) return undefined;
  const isBearer = bearerOf(dnsHostName, domain);
  const isHeld = ({ creatorSID }: DirectoryObject): boolean => creatorSID !== undefined && sameName(own?.dnsHostName, dnsHostName);
  const isOther = (object: DirectoryObject): boolean => object.objectGUID !== own?.objectGUID && isBearer(object) && !isHeld(object);
  const bearer = sameName(dnsHostName, domain.dnsName)
    ? `the domain ${domain.dnsName}`
    : [...objects, ...computers].find(isOther)?.distinguishedName;
  if (bearer === undefined) return undefined;
  const left = own ? `the account keeps ${own.dnsHostName ?? "none"}` : "the account is not created";
  const message = `${dnsHostName} is the name of ${bearer}, so ${left}: set account.dnsHostName to a name that no other object has.`;
  return { reason: "ObjectExists", part: "Account", message };
}

export function slotOfHostGroup(desired: DesiredFarm, observed: ObservedFarm): Slot {
  const { grant, hostGroup, knownObjects, journal } = desired;
  if (grant === "Principals") return { kind: "Unwanted" };
  if (hostGroup.existing) {
    const used = journal.hostGroups.filter(({ name }) => sameName(name, hostGroup.samAccountName));
    const slot = externalSlot(desired, observed, hostGroup, { part: "Hosts", field: "hosts.group.name", used });
    const replaced = slot.kind === "External" && hostGroup.container === undefined && replacedGroup(used, slot.object);
    if (replaced) return { kind: "Blocked", blocker: replaced };
    if (slot.kind !== "External") return slot;
    if (!isTakenElsewhere(desired, slot.object)) return slot;
    const isKnown = journal.hostGroups.some(({ objectGUID }) => objectGUID === slot.object.objectGUID);
    return { kind: "Blocked", blocker: groupInUse(slot.object), ...(isKnown ? { frozen: slot.object } : {}) };
  }
  return ownedSlot(desired, observed, {
    part: "Hosts",
    what: "host group",
    samAccountName: hostGroup.samAccountName,
    distinguishedName: hostGroup.distinguishedName,
    is: isGroup,
    known: (object) => knownObjects.includes(object.objectGUID) && !isAccessGroup(desired, object),
    otherwise: "Choose another hosts.group.name",
    container: "hosts.group.container, or the domain's defaults.groupContainer",
    adoption: (object) => ({ misfits: misfitsOfHostGroup(desired, object), refused: refusedMembers(observed, object) }),
  });
}

export function slotOfAccessGroup(desired: DesiredFarm, observed: ObservedFarm, wanted: DesiredGroup): Slot {
  const { samAccountName, distinguishedName, existing } = wanted;
  const same = ({ name }: { readonly name: string }): boolean => sameName(name, samAccountName);
  const used = desired.journal.accessGroups.filter(same);
  if (existing) {
    const slot = externalSlot(desired, observed, wanted, { part: "AccessGroups", field: "accessGroups", used });
    if (slot.kind !== "External" || !desired.elsewhere.hosts.has(slot.object.objectGUID)) return slot;
    const account = observed.objects.find((object) => isAccount(object) && object.owner === desired.owner);
    return { kind: "Blocked", blocker: groupOpensPasswords(slot.object, account !== undefined && groupsOf(account)(slot.object)) };
  }
  return ownedSlot(desired, observed, {
    part: "AccessGroups",
    what: "access group",
    samAccountName,
    distinguishedName,
    is: isGroup,
    known: ({ objectGUID }) => objectGUID === used[0]?.objectGUID,
    otherwise: "Set existing: true to use it as an externally managed group, or choose another name in accessGroups",
    container: "the group's container in accessGroups, or the domain's defaults.groupContainer",
    adoption: undefined,
  });
}

/** Whether a group of the farm's own is one of its access groups, and not a host group. */
export function isAccessGroup(desired: DesiredFarm, object: DirectoryObject): boolean {
  if (desired.knownAccessGroups.includes(object.objectGUID)) return true;
  if (desired.knownObjects.includes(object.objectGUID)) return false;
  // A manifest that says both is refused; what holds the hosts is the host group.
  if (desired.grant === "Group" && sameName(object.samAccountName, desired.hostGroup.samAccountName)) return false;
  return desired.accessGroups.some(({ samAccountName }) => sameName(object.samAccountName, samAccountName));
}

/** The object as a change names it. */
export function owned({ distinguishedName, objectGUID }: DirectoryObject, owner: string): OwnedObject {
  return { distinguishedName, objectGUID, owner };
}

/** Whether the group is another farm's own: nobody but that farm changes its members, whatever a record says. */
export function isAnothers({ owner }: DirectoryObject, desired: DesiredFarm): boolean {
  return owner !== desired.owner && isOwnerMarker(owner);
}
