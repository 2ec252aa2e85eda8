/** What is said of hosts.search. */
import { CONFIRM_CONTAINER, CONFIRM_REMOVAL } from "../api/annotations.ts";
import type { Blocker } from "../api/reasons.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { commonName } from "../names/distinguished-name.ts";
import { listOf } from "./changes/entry.ts";
import type { DesiredSearch } from "./desired-search.ts";
import type { HostNote } from "./host-messages.ts";
import type { ObservedSearch, SearchedContainer } from "./observed-search.ts";

const NOBODY = "so nobody is added or removed by the search";

/** Why the search says nothing of who is a host; undefined where it does. */
export function searchBlocker(search: DesiredSearch, { container, failure, moreThan }: ObservedSearch): Blocker | undefined {
  const { distinguishedName, max } = search;
  const field = "hosts.search.container";
  switch (container.kind) {
    case "Missing":
      return {
        reason: "ContainerNotFound",
        part: "Hosts",
        message: `${field}: ${distinguishedName} is not there, ${NOBODY}: create it, or correct ${field}.`,
      };
    case "Invalid":
      return { reason: "InvalidSpec", part: "Hosts", message: `${field}: ${container.problem}, ${NOBODY}. Correct it.` };
    case "Replaced":
      return { reason: "ContainerReplaced", part: "Hosts", message: `${field}: ${replaced(search, container)}` };
    case "Refused": {
      const message = `${field}: no hosts are searched in ${container.object.distinguishedName}, since too many may create computers there or it is not for hosts, ${NOBODY}: make an OU for the hosts, and name it in ${field}.`;
      return { reason: "InvalidSpec", part: "Hosts", message };
    }
    case "NotAllowed": {
      // Where it is now is none of the tenant's business.
      const message = `${field}: ${distinguishedName} was moved to where hosts of the tenant are not, ${NOBODY}: name another container, or have the domain's owner move it back or allow it (spec.tenants).`;
      return { reason: "NotAllowed", part: "Hosts", message };
    }
    case "Known":
      if (moreThan !== undefined) {
        const message = `hosts.search: more than ${moreThan} computers match below ${container.object.distinguishedName}, and no more are read where max is ${max}, ${NOBODY}. Narrow hosts.search.names or the container, or raise hosts.search.max.`;
        return { reason: "HostLimitExceeded", part: "Hosts", message };
      }
      if (failure === undefined) return undefined;
      return {
        reason: "DirectoryUnavailable",
        part: "Hosts",
        message: `hosts.search: not everybody below ${container.object.distinguishedName} was found (${failure}), ${NOBODY}. It is tried again by itself.`,
      };
  }
}

/** A container that was made anew under the name of another may be anybody's. */
function replaced(search: DesiredSearch, { object, before }: Extract<SearchedContainer, { kind: "Replaced" }>): string {
  const { distinguishedName, objectGUID } = object;
  const was = before ? `which is now ${before.distinguishedName}` : "which is gone";
  return `${distinguishedName} is another object (objectGUID ${objectGUID}) than the one that the farm searched before (${search.pinned ?? ""}), ${was}, ${NOBODY}. Name the container that is meant in hosts.search.container, or take the other one: ${annotate(search, CONFIRM_CONTAINER, objectGUID)}`;
}

export function limitExceeded({ max }: DesiredSearch, count: number, container: DirectoryObject): Blocker {
  const message = `hosts.search: ${count} computers match below ${container.distinguishedName}, more than max (${max}), so nobody is added; whoever has the right keeps it. Narrow hosts.search.names or the container, or raise hosts.search.max.`;
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
  const message = `hosts.search: ${count} of ${of} computers are not among those that it finds any more (moved, renamed, disabled)${earlier}, and maxRemoval (${search.maxRemoval}%) is exceeded, so nobody is removed: ${names}. Move them back, or confirm that they go: ${annotate(search, CONFIRM_REMOVAL, String(count))}.${used}`;
  return { reason: "ShrinkHeld", part: "Hosts", message };
}

function annotate({ farm: { namespace, name } }: DesiredSearch, annotation: string, value: string): string {
  return `kubectl annotate farm ${name} -n ${namespace} --overwrite ${annotation}=${value}`;
}

export function containerMoved({ distinguishedName }: DesiredSearch, object: DirectoryObject): HostNote {
  return {
    reason: "HostMoved",
    message: `hosts.search.container: ${distinguishedName} was moved or renamed and is searched on: it is now ${object.distinguishedName}. Write that in place of ${distinguishedName}.`,
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
            message: `hosts.search passes over ${names}: created by an ordinary user, as every user may under any free name, or a domain controller. An administrator deletes such a computer and creates it again before it is joined, or sets selfJoinedComputers: Grant on the ActiveDirectoryDomain.`,
          },
        ]),
    ...(notAllowed === 0
      ? []
      : [
          {
            reason: "HostNotAllowed" as const,
            message: `hosts.search: ${others} not where hosts of the tenant are, or not called as they are, and gets no right: have the domain's owner allow it (spec.tenants).`,
          },
        ]),
  ];
}
