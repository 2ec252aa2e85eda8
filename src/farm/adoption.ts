/** Whether a farm may take over what bears no owner marker: with consent in the directory. */
import type { Look } from "../ad/lookup.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { quoteForPowerShell } from "../ad/remedy.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { isOwnerMarker } from "../names/identifier.ts";

export interface Adoption {
  /** What the farm says. */
  readonly farm: "Never" | "Unowned";
  /** What the domain says. Unowned: what has no adminDescription needs no consent. */
  readonly domain: "Consent" | "Unowned" | "Never";
  /** The adminDescription that consents. */
  readonly consent: string;
}

/** Members of a group that is taken over: as many as a farm can have hosts. */
export const ADOPTED_MEMBERS = 5000;

export function mayAdopt({ farm, domain, consent }: Adoption, { owner }: DirectoryObject): boolean {
  if (farm === "Never" || domain === "Never") return false;
  return owner === consent || (domain === "Unowned" && isBlank(owner));
}

/** Somebody's note is no owner marker, but to take the object over would lose it. */
export function isBlank(owner: string | undefined): boolean {
  return owner === undefined || owner === "";
}

/** What to do for an object to be adopted, as a sentence with a space before it; nothing for what another farm owns. */
export function adoptionHint({ farm, domain, consent }: Adoption, { distinguishedName, owner }: DirectoryObject): string {
  if (isOwnerMarker(owner)) return "";
  if (domain === "Never") return " Adoption is not allowed in this domain (adoption: Never).";
  const policy = farm === "Never" ? "set adoptionPolicy: Unowned" : "";
  if (owner === consent || (domain === "Unowned" && isBlank(owner))) return policy === "" ? "" : ` To adopt it as it is, ${policy}.`;
  const [dn, text] = [distinguishedName, consent].map(quoteForPowerShell);
  const note = isBlank(owner) ? "" : " (this replaces the present text)";
  const command = `Set-ADObject -Identity ${dn} -Replace @{adminDescription=${text}}`;
  return ` To adopt it as it is, ${policy}${policy === "" ? "" : ", and "}have an administrator consent in the directory: ${command}${note}.`;
}

/** A group that may be taken over, with its members as far as they count, and those of them that are computers: keys of distinguished names. */
export interface AdoptedGroup {
  readonly group: DirectoryObject;
  readonly computers: ReadonlySet<string>;
}

/** No more is asked than one can have: a group with more members is not taken over. */
export function* lookAtMembers(found: DirectoryObject): Look<AdoptedGroup> {
  const lookups = [{ by: "objectGUID" as const, value: found.objectGUID }];
  const [answer = []] = yield [{ lookups, among: "Objects", allMembersOf: () => true, membersAtMost: ADOPTED_MEMBERS + 1 }];
  const group = answer.find(({ objectGUID }) => objectGUID === found.objectGUID) ?? found;
  const { members } = group;
  if (members.length === 0 || members.length > ADOPTED_MEMBERS) return { group, computers: new Set() };
  const [computers = []] = yield [{ lookups: members.map((value) => ({ by: "distinguishedName", value })), among: "Computers" }];
  return { group, computers: new Set(computers.map(({ distinguishedName }) => dnKey(distinguishedName))) };
}
