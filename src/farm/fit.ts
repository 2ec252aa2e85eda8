/** Whether what may be taken over is what the farm wants: nothing is taken before it is known to fit. */
import type { DirectoryObject } from "../ad/object.ts";
import type { Blocker, Part } from "../api/reasons.ts";
import { sameName } from "../names/account-name.ts";
import { dnKey, parentDn, parentKey } from "../names/distinguished-name.ts";
import { ADOPTED_MEMBERS } from "./adoption.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { ObservedFarm } from "./observed.ts";

/** What of an account can never be changed and is not as the farm wants it: each with what to write into the manifest. */
export function misfitsOfAccount(desired: DesiredFarm, object: DirectoryObject): readonly string[] {
  const { account, explicitContainers } = desired;
  const { samAccountName, passwordIntervalDays, dnsHostName, servicePrincipalNames } = object;
  const outboundOnly = dnsHostName === undefined && servicePrincipalNames.length === 0;
  const misfits: string[] = [];
  if (samAccountName !== undefined && !sameName(samAccountName, account.samAccountName))
    misfits.push(`account.samAccountName: ${samAccountName.replace(/\$$/, "")}`);
  if (passwordIntervalDays !== undefined && passwordIntervalDays !== account.passwordIntervalDays)
    misfits.push(`account.passwordIntervalDays: ${passwordIntervalDays}`);
  if (outboundOnly !== account.outboundOnly) misfits.push(`account.outboundOnly: ${outboundOnly}`);
  const container = explicitContainers.account ?? judgedContainer(desired, account);
  return [...misfits, ...misfitOfContainer("account.container", container, object)];
}

/** What of a host group is not as the farm wants it. */
export function misfitsOfHostGroup(desired: DesiredFarm, object: DirectoryObject): readonly string[] {
  const container = desired.explicitContainers.hostGroup ?? judgedContainer(desired, desired.hostGroup);
  return misfitOfContainer("hosts.group.container", container, object);
}

/** Where there are tenants, one has allowed the default: what stands elsewhere the manifest has to name, so that it is judged. */
function judgedContainer({ granted }: DesiredFarm, { distinguishedName }: { readonly distinguishedName: string }): string | undefined {
  return granted && parentDn(distinguishedName);
}

function misfitOfContainer(field: string, container: string | undefined, { distinguishedName }: DirectoryObject): readonly string[] {
  if (container === undefined || dnKey(container) === parentKey(distinguishedName)) return [];
  return [`${field}: ${parentDn(distinguishedName)}`];
}

/** Why the members of a group keep it from being taken over; undefined where they are computers, all of them. Names no member. */
export function refusedMembers({ adopted }: ObservedFarm, { objectGUID, members }: DirectoryObject): string | undefined {
  if (members.length > ADOPTED_MEMBERS) return `it has more than ${ADOPTED_MEMBERS} members`;
  const computers = adopted?.group.objectGUID === objectGUID ? adopted.computers : undefined;
  if (members.every((member) => computers?.has(dnKey(member)) === true)) return undefined;
  return "not all of its members are computers that can be seen";
}

/** What keeps an object from being taken over: values for the manifest, or a reason. */
export interface Fit {
  readonly misfits: readonly string[];
  readonly refused: string | undefined;
}

/** Where something can never be changed, nothing is written; undefined for what fits. */
export function unfit(
  { distinguishedName }: DirectoryObject,
  { part, what, otherwise }: { readonly part: Part; readonly what: string; readonly otherwise: string },
  { misfits, refused }: Fit,
): Blocker | undefined {
  if (misfits.length > 0) {
    const message = `${distinguishedName} cannot be adopted as the ${what}, because the manifest asks for other values of fields that can never change; the operator left it as it is. Write into the manifest: ${misfits.join(", ")}.`;
    return { reason: "ObjectExists", part, message };
  }
  if (refused === undefined) return undefined;
  const message = `${distinguishedName} cannot be adopted as the ${what}: ${refused}; the operator left it as it is. ${otherwise}, or remove the other members.`;
  return { reason: "NotOwned", part, message };
}
