/** Whether what may be taken over is what the farm wants, and its name nobody else's: nothing is taken or made before it is known to fit. */
import type { DirectoryObject } from "../ad/object.ts";
import type { Blocker } from "../api/reasons.ts";
import { bearerOf, sameName } from "../names/account-name.ts";
import { dnKey, parentDn, parentKey } from "../names/distinguished-name.ts";
import { ADOPTED_MEMBERS } from "./adoption.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { ObservedFarm } from "./observed.ts";

/** What of an account can never be changed and is not as the farm wants it: each with what to write into the manifest. */
export function misfitsOfAccount({ account, explicitContainers }: DesiredFarm, object: DirectoryObject): readonly string[] {
  const { samAccountName, passwordIntervalDays, dnsHostName, servicePrincipalNames } = object;
  const outboundOnly = dnsHostName === undefined && servicePrincipalNames.length === 0;
  const misfits: string[] = [];
  if (samAccountName !== undefined && !sameName(samAccountName, account.samAccountName))
    misfits.push(`account.samAccountName: ${samAccountName.replace(/\$$/, "")}`);
  if (passwordIntervalDays !== undefined && passwordIntervalDays !== account.passwordIntervalDays)
    misfits.push(`account.passwordIntervalDays: ${passwordIntervalDays}`);
  if (outboundOnly !== account.outboundOnly) misfits.push(`account.outboundOnly: ${outboundOnly}`);
  return [...misfits, ...misfitOfContainer("account.container", explicitContainers.account, object)];
}

/** What of a host group is not as the farm wants it. */
export function misfitsOfHostGroup({ explicitContainers }: DesiredFarm, object: DirectoryObject): readonly string[] {
  return misfitOfContainer("hosts.group.container", explicitContainers.hostGroup, object);
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

/** That the account's dNSHostName is the name of another object: certificates are made out to it, and clients ask for it. `own`: the account, where it is there. */
export function dnsHostNameTaken(
  { account, domain }: DesiredFarm,
  { objects, computers }: ObservedFarm,
  own: DirectoryObject | undefined,
): Blocker | undefined {
  const { dnsHostName } = account;
  if (dnsHostName === undefined) return undefined;
  const isBearer = bearerOf(dnsHostName, domain);
  const isOther = (object: DirectoryObject): boolean => object.objectGUID !== own?.objectGUID && isBearer(object);
  const bearer = sameName(dnsHostName, domain.dnsName)
    ? `the domain ${domain.dnsName}`
    : [...objects, ...computers].find(isOther)?.distinguishedName;
  if (bearer === undefined) return undefined;
  const left = own ? `the account keeps ${own.dnsHostName ?? "none"}` : "the account is not created";
  const message = `${dnsHostName} is the name of ${bearer}, so ${left}: set account.dnsHostName to a name that nothing else bears.`;
  return { reason: "ObjectExists", part: "Account", message };
}
