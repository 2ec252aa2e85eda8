/**
 * What a farm did to groups that are not its own. Nothing in the directory shows who put a member in, so it is recorded in the farm's status
 * before the write: a crash between the two never forgets one.
 */
import type { Change, RememberedGroup } from "./changes/index.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { ServerFarmStatus } from "../api/generated/server-farm.ts";

/** An object of the directory, as far as it is remembered. */
interface Identity {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly objectSID?: string | undefined;
}

/** An access group that the account was put into. */
export interface RememberedAccessGroup {
  /** As the farm names it. */
  readonly name: string;
  readonly objectGUID: string;
  readonly distinguishedName: string;
}

export interface Memory {
  readonly hostGroups: readonly RememberedGroup[];
  readonly accessGroups: readonly RememberedAccessGroup[];
}

type HostGroupsStatus = Pick<ServerFarmStatus, "hostGroup" | "formerHostGroups">;
type AccessGroupsStatus = Pick<ServerFarmStatus, "accessGroups">;

export function memoryOf(status: ServerFarmStatus | undefined): Memory {
  const { hostGroup, formerHostGroups = [], accessGroups = [] } = status ?? {};
  const groups = [...(hostGroup?.name === undefined && hostGroup?.added === undefined ? [] : [hostGroup]), ...formerHostGroups];
  const merged = new Map<string, RememberedGroup>();
  for (const group of groups) {
    const { objectGUID, distinguishedName = "", added = [] } = group;
    if (objectGUID === undefined) continue;
    const known = merged.get(objectGUID);
    merged.set(objectGUID, {
      objectGUID,
      distinguishedName,
      name: known?.name ?? ("name" in group ? group.name : undefined),
      added: [...new Set([...(known?.added ?? []), ...added])],
    });
  }
  return {
    hostGroups: [...merged.values()],
    accessGroups: accessGroups.flatMap(({ name, objectGUID, distinguishedName = "" }) =>
      objectGUID === undefined ? [] : [{ name, objectGUID, distinguishedName }],
    ),
  };
}

/** The memory as it must be before the changes are made: whoever is put in is in it; the same where nothing has to be. `computers` are those that the changes name. */
export function remember(memory: Memory, changes: readonly Change[], computers: readonly Identity[]): Memory {
  let { hostGroups, accessGroups } = memory;
  const guids = new Map(computers.map(({ distinguishedName, objectGUID }) => [dnKey(distinguishedName), objectGUID]));
  for (const change of changes) {
    // Taking a member out needs no memory of it.
    if (change.kind === "ChangeHosts" && change.object.owner === undefined && change.add.length > 0) {
      const { objectGUID, distinguishedName, name } = change.object;
      const known = hostGroups.find((group) => group.objectGUID === objectGUID);
      const added = change.add.flatMap((dn) => guids.get(dnKey(dn)) ?? []);
      const group = { objectGUID, distinguishedName, name: name ?? known?.name, added: [...new Set([...(known?.added ?? []), ...added])] };
      hostGroups = [...hostGroups.filter((other) => other !== known), group];
    }
    if (change.kind === "Release" && change.remembered) {
      const { remembered } = change;
      hostGroups = [...hostGroups.filter(({ objectGUID }) => objectGUID !== remembered.objectGUID), remembered];
    }
    if (change.kind === "JoinAccessGroup") {
      const { objectGUID, distinguishedName } = change.object;
      const group = { name: change.name, objectGUID, distinguishedName };
      accessGroups = [...accessGroups.filter((other) => other.objectGUID !== objectGUID), group];
    }
  }
  return hostGroups === memory.hostGroups && accessGroups === memory.accessGroups ? memory : { hostGroups, accessGroups };
}

/** As many as the schema takes: the latest. */
const FORMER = 20;

/** Groups as a status holds them. `current`: the group that the farm uses now, whoever owns it. */
export function hostGroupsStatus(memory: Memory, current: Identity | undefined): HostGroupsStatus {
  const used = memory.hostGroups.find(({ objectGUID }) => objectGUID === current?.objectGUID);
  const former = memory.hostGroups.filter(({ objectGUID, added }) => objectGUID !== current?.objectGUID && added.length > 0).slice(-FORMER);
  const { distinguishedName, objectGUID, objectSID } = current ?? {};
  return {
    ...(distinguishedName === undefined || objectGUID === undefined
      ? {}
      : {
          hostGroup: {
            distinguishedName,
            objectGUID,
            ...(objectSID === undefined ? {} : { objectSID }),
            ...(used ? { added: used.added.toSorted(), ...(used.name === undefined ? {} : { name: used.name }) } : {}),
          },
        }),
    ...(former.length === 0
      ? {}
      : {
          formerHostGroups: former.map((group) => ({
            objectGUID: group.objectGUID,
            distinguishedName: group.distinguishedName,
            added: group.added.toSorted(),
          })),
        }),
  };
}

/** Names are unique in the list: of two groups that had one name, the later is told apart by its objectGUID. */
export function accessGroupsStatus(groups: readonly RememberedAccessGroup[]): AccessGroupsStatus {
  const names = new Set<string>();
  const accessGroups = groups.map(({ name, distinguishedName, objectGUID }) => {
    const unique = names.has(name) ? `${name} (${objectGUID})` : name;
    names.add(unique);
    return { name: unique, distinguishedName, objectGUID };
  });
  return accessGroups.length > 0 ? { accessGroups } : {};
}

/** A status with another memory; all else of it stays. */
export function withMemory(status: ServerFarmStatus, memory: Memory, current: Identity | undefined): ServerFarmStatus {
  const { hostGroup: _hostGroup, formerHostGroups: _former, accessGroups: _accessGroups, ...rest } = status;
  return { ...rest, ...hostGroupsStatus(memory, current), ...accessGroupsStatus(memory.accessGroups) };
}

/** The status of a farm that is to answer for further members of a group. */
export function withAdded(
  status: ServerFarmStatus,
  {
    objectGUID,
    distinguishedName,
    added,
  }: { readonly objectGUID: string; readonly distinguishedName: string; readonly added: readonly string[] },
): ServerFarmStatus {
  const { hostGroup, formerHostGroups = [] } = status;
  const union = (before: readonly string[] = []): readonly string[] => [...new Set([...before, ...added])];
  if (hostGroup?.objectGUID === objectGUID) return { ...status, hostGroup: { ...hostGroup, added: union(hostGroup.added) } };
  const known = formerHostGroups.find((group) => group.objectGUID === objectGUID);
  const group = { objectGUID, distinguishedName, added: union(known?.added) };
  return { ...status, formerHostGroups: [...formerHostGroups.filter((other) => other !== known), group] };
}
