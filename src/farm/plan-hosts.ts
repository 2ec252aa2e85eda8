import type { Blocker } from "./blocker.ts";
import type { Plan } from "./change.ts";
import type { DesiredFarm, HostReference } from "./desired.ts";
import { dnKey } from "./distinguished-name.ts";
import { HostIndex, type DirectoryObject, type ObservedFarm } from "./observed.ts";
import { owned, type Place } from "./place.ts";

/** Values in one modify. Active Directory takes some thousands; this leaves room. */
const MEMBERS_A_WRITE = 1000;

export interface ResolvedHosts {
  /** Distinguished names by their keys: the computers that should be members. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly quarantined: ReadonlyMap<string, string>;
  /** Keys of the computers that an ambiguous reference may mean: none of them is put in, and none is taken out. */
  readonly undecided: ReadonlySet<string>;
  /** How many computers the farm asks for, found or not. */
  readonly desired: number;
  readonly blockers: readonly Blocker[];
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
export function resolveHosts(desired: DesiredFarm, observed: ObservedFarm): ResolvedHosts {
  const index = new HostIndex(observed.computers);
  const blockers: Blocker[] = [];
  const quarantined = new Map<string, string>();
  for (const reference of desired.quarantined) {
    const found = index.find(reference);
    // A slip of the pen must not leave a compromised host in.
    if (found.length === 0) blockers.push(quarantinedNotFound(reference));
    // Of several that may be meant, all are kept out: too few is safer than one too many.
    for (const { distinguishedName } of found) quarantined.set(dnKey(distinguishedName), distinguishedName);
  }
  const wanted = new Map<string, string>();
  const undecided = new Set<string>();
  for (const reference of desired.hosts) {
    const found = index.find(reference);
    const [computer] = found;
    if (!computer) blockers.push(hostNotFound(reference));
    else if (found.length > 1) {
      blockers.push(hostAmbiguous(reference, found));
      for (const { distinguishedName } of found) undecided.add(dnKey(distinguishedName));
    } else if (!quarantined.has(dnKey(computer.distinguishedName)))
      wanted.set(dnKey(computer.distinguishedName), computer.distinguishedName);
  }
  const unresolved = blockers.filter(({ computer }) => computer !== undefined).length;
  return { wanted, quarantined, undecided, desired: wanted.size + unresolved, blockers };
}

function hostNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    computer: text,
    message: `no computer has the ${by} ${value}: join it to the domain, or correct hosts.computers; it is granted by itself once it exists.`,
  };
}

function quarantinedNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    message: `hosts.quarantined: no computer has the ${by} ${value}, so ${text} keeps nobody out: correct it, or remove it if the computer is gone.`,
  };
}

function hostAmbiguous({ text, by, value }: HostReference, found: readonly DirectoryObject[]): Blocker {
  const names = found.map(({ distinguishedName }) => distinguishedName).join("; ");
  return {
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: text,
    message: `${found.length} computers have the ${by} ${value} (${names}), so none is granted or removed: name the right one in hosts.computers by its distinguished name.`,
  };
}

export function planHosts(desired: DesiredFarm, observed: ObservedFarm, group: Place, hosts: ResolvedHosts): Plan {
  const { wanted, quarantined, undecided } = hosts;
  switch (group.kind) {
    case "Taken":
      return { changes: [], blockers: [group.blocker] };
    case "Free":
      return {
        changes: [
          {
            kind: "CreateHostGroup",
            ...desired.hostGroup,
            owner: desired.owner,
            members: [...wanted.values()].slice(0, MEMBERS_A_WRITE),
          },
        ],
        blockers: [],
      };
    case "Own": {
      const object = owned(group.object, desired.owner);
      const members = new Map(group.object.members.map((member) => [dnKey(member), member]));
      // While a host is not found, a member that cannot be read may be that very host: taking it out could take a farm down.
      const unreadable = new Set(observed.unreadable.map(dnKey));
      const unclear = (key: string): boolean => unreadable.has(key) && !quarantined.has(key) && !named(desired.quarantined, key);
      const stays = (key: string): boolean => wanted.has(key) || unclear(key) || (undecided.has(key) && !quarantined.has(key));
      const unwanted = [...members].filter(([key]) => !stays(key));
      const missing = [...wanted].filter(([key]) => !members.has(key)).map(([, member]) => member);
      // A compromised host goes before anything else, and in a write of its own that no other host's trouble can fail.
      const [out, rest] = [unwanted.filter(([key]) => quarantined.has(key)), unwanted.filter(([key]) => !quarantined.has(key))];
      return {
        changes: [
          ...chunks(out, MEMBERS_A_WRITE).map((some) => ({ kind: "ChangeHosts" as const, object, add: [], remove: some.map(last) })),
          ...chunks(
            [...rest.map(([, member]) => ({ remove: member })), ...missing.map((member) => ({ add: member }))],
            MEMBERS_A_WRITE,
          ).map((some) => ({
            kind: "ChangeHosts" as const,
            object,
            remove: some.flatMap((step) => ("remove" in step ? [step.remove] : [])),
            add: some.flatMap((step) => ("add" in step ? [step.add] : [])),
          })),
        ],
        blockers: [
          ...[...members]
            .filter(([key]) => !wanted.has(key) && unclear(key))
            .map(([, member]): Blocker => ({
              reason: "AccessDenied",
              part: "Hosts",
              message: `the member ${member} cannot be read and may be one of the hosts that were not found, so it stays: give the operator's account Read Property on it.`,
            })),
          ...(group.object.securityEnabled
            ? []
            : [
                {
                  reason: "Rejected" as const,
                  part: "Hosts" as const,
                  message: `${object.distinguishedName} is a distribution group, which gives no rights: make it a security group again (Set-ADGroup -GroupCategory Security).`,
                },
              ]),
        ],
      };
    }
  }
}

/** Whether a reference by distinguished name means the key, be it found or not. */
function named(references: readonly HostReference[], key: string): boolean {
  return references.some(({ by, value }) => by === "distinguishedName" && dnKey(value) === key);
}

/** hosts.group.name changed: the group is renamed rather than made anew, since a new SID would ask every host for a restart. */
export function planNameOfHostGroup({ hostGroup, owner }: DesiredFarm, observed: ObservedFarm, group: Place): Plan {
  const same = (object: DirectoryObject): boolean => object.samAccountName?.toLowerCase() === hostGroup.samAccountName.toLowerCase();
  if (group.kind !== "Own" || same(group.object)) return { changes: [], blockers: [] };
  const other = observed.objects.find(same);
  if (!other) {
    return {
      changes: [{ kind: "RenameHostGroup", object: owned(group.object, owner), samAccountName: hostGroup.samAccountName }],
      blockers: [],
    };
  }
  const message = `${other.distinguishedName} has the name ${hostGroup.samAccountName}, so the host group keeps its own, ${group.object.samAccountName}: choose another hosts.group.name.`;
  return { changes: [], blockers: [{ reason: "ObjectExists", part: "Hosts", message }] };
}

function last<T>([, value]: readonly [unknown, T]): T {
  return value;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
