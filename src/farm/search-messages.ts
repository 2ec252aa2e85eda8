/** What is said of hosts.search. */
import { CONFIRM_CONTAINER, CONFIRM_REMOVAL } from "../api/annotations.ts";
import type { Blocker } from "../api/reasons.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { commonName } from "../names/distinguished-name.ts";
import { listOf } from "./changes/entry.ts";
import type { DesiredSearch } from "./desired-search.ts";
import type { HostNote } from "./host-messages.ts";
import type { ObservedSearch, SearchedContainer } from "./observed-search.ts";

const NOBODY = "so the search adds and removes nobody";

/** Why the search says nothing of who is a host; undefined where it does. */
export function searchBlocker(search: DesiredSearch, { container, failure, moreThan }: ObservedSearch): Blocker | undefined {
  const { distinguishedName, max } = search;
  const field = "hosts.search.container";
  switch (container.kind) {
    case "Missing":
      return {
        reason: "ContainerNotFound",
        part: "Hosts",
        message: `${field}: ${distinguishedName} does not exist, ${NOBODY}: create it, or correct ${field}.`,
      };
    case "Invalid":
      return { reason: "InvalidSpec", part: "Hosts", message: `${field}: ${container.problem}, ${NOBODY}. Correct it.` };
    case "Replaced":
      return { reason: "ContainerReplaced", part: "Hosts", message: `${field}: ${replaced(search, container)}` };
    case "Refused": {
      const message = `${field}: the operator does not search ${container.object.distinguishedName}, because too many users can create computers there or it is not for hosts, ${NOBODY}: create an OU for the hosts, and name it in ${field}.`;
      return { reason: "InvalidSpec", part: "Hosts", message };
    }
    case "NotAllowed": {
      // Where it is now is none of the tenant's business.
      const message = `${field}: ${distinguishedName} was moved out of the containers that the tenant allows for hosts, ${NOBODY}: name another container, or have the domain's owner move it back or allow it (spec.tenants).`;
      return { reason: "NotAllowed", part: "Hosts", message };
    }
    case "Known":
      if (moreThan !== undefined) {
        const message = `hosts.search: more than ${moreThan} computers match below ${container.object.distinguishedName}, and the operator reads no more with a max of ${max}, ${NOBODY}. Narrow hosts.search.names or the container, or raise hosts.search.max.`;
        return { reason: "HostLimitExceeded", part: "Hosts", message };
      }
      if (failure === undefined) return undefined;
      return {
        reason: "DirectoryUnavailable",
        part: "Hosts",
        message: `hosts.search: the search below ${container.object.distinguishedName} is not complete (${failure}), ${NOBODY}. The operator tries again.`,
      };
  }
}

/** A container that was made anew under the name of another may be anybody's. */
function replaced(search: DesiredSearch, { object, before }: Extract<SearchedContainer, { kind: "Replaced" }>): string {
  const { distinguishedName, objectGUID } = object;
  const was = before ? `which is now ${before.distinguishedName}` : "which is gone";
  return `${distinguishedName} is another object (objectGUID ${objectGUID}) than the one that the farm searched before (${search.pinned ?? ""}), ${was}, ${NOBODY}. Name the right container in hosts.search.container, or confirm this one: ${annotate(search, CONFIRM_CONTAINER, objectGUID)}`;
}

export function limitExceeded({ max }: DesiredSearch, count: number, container: DirectoryObject): Blocker {
  const message = `hosts.search: ${count} computers match below ${container.distinguishedName}, more than max (${max}), so nobody is added; hosts that have the right keep it. Narrow hosts.search.names or the container, or raise hosts.search.max.`;
  return { reason: "HostLimitExceeded", part: "Hosts", message };
}

/** `of`: how many had the right by the search. `before`: how many of them lost it within the last hour. */
export function shrinkHeld(
  search: DesiredSearch,
  { missing, of, before }: { readonly missing: readonly DirectoryObject[]; readonly of: number; readonly before: number },
): Blocker {
  const count = missing.length;
  const earlier = before > 0 ? `, after ${before} others within the hour` : "";
  const names = listOf(
    missing.map(({ distinguishedName }) => distinguishedName),
    commonName,
  );
  const used =
    search.annotated === String(count) ? ` The annotation confirmed an earlier removal: remove it first (${CONFIRM_REMOVAL}-).` : "";
  const message = `hosts.search: ${count} of ${of} computers are no longer found (moved, renamed, disabled)${earlier}, which is more than maxRemoval (${search.maxRemoval}%), so nobody is removed: ${names}. Move them back, or confirm the removal: ${annotate(search, CONFIRM_REMOVAL, String(count))}.${used}`;
  return { reason: "ShrinkHeld", part: "Hosts", message };
}

function annotate({ farm: { namespace, name } }: DesiredSearch, annotation: string, value: string): string {
  return `kubectl annotate farm ${name} -n ${namespace} --overwrite ${annotation}=${value}`;
}

export function containerMoved({ distinguishedName }: DesiredSearch, object: DirectoryObject): HostNote {
  return {
    reason: "HostMoved",
    message: `hosts.search.container: ${distinguishedName} was moved or renamed, and the search continues there: it is now ${object.distinguishedName}. Write that in place of ${distinguishedName}.`,
  };
}

/** They are below the container, match, and get no right. */
export function passedOver({
  untrusted,
  notAllowed,
}: {
  /** Distinguished names. */
  readonly untrusted: readonly string[];
  readonly notAllowed: number;
}): readonly HostNote[] {
  const names = listOf(untrusted, commonName);
  const others = notAllowed === 1 ? "1 computer that it finds is" : `${notAllowed} computers that it finds are`;
  return [
    ...(untrusted.length === 0
      ? []
      : [
          {
            reason: "HostNotTrusted" as const,
            message: `hosts.search skips ${names}: created by an ordinary user, which every user can do under any free name, or a domain controller. Have an administrator delete such a computer and create it again before it joins the domain, or set selfJoinedComputers: Grant on the ActiveDirectoryDomain.`,
          },
        ]),
    ...(notAllowed === 0
      ? []
      : [
          {
            reason: "HostNotAllowed" as const,
            message: `hosts.search: ${others} outside the containers or names that the tenant allows for hosts, and gets no right: have the domain's owner allow it (spec.tenants).`,
          },
        ]),
  ];
}
